"""What the errors of an OpenAI-compatible endpoint mean: whether trying again can help, when, and in which words."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import openai
from starlette import status

from dynavera.contracts.contract import utc_now
from mcp_service.generators.generator import GeneratorAway, GeneratorGarbled, GeneratorRefused

LONGEST_REASON = 300
LONGEST_WAIT_SECONDS = 24 * 60 * 60

_PASSING = {
    status.HTTP_408_REQUEST_TIMEOUT,
    status.HTTP_409_CONFLICT,
    status.HTTP_425_TOO_EARLY,
    status.HTTP_429_TOO_MANY_REQUESTS,
}


def refusal_of_status(name: str, error: openai.APIStatusError) -> GeneratorRefused | GeneratorAway:
    """What a status that is no answer means."""
    code = error.status_code
    if code in (status.HTTP_401_UNAUTHORIZED, status.HTTP_403_FORBIDDEN):
        # Its own words may hold a part of the key.
        return GeneratorRefused(f"The endpoint of {name!r} does not accept the key. Is OPENAI_API_KEY right?")
    answers = f"{code} {error.response.reason_phrase}".strip()
    if code in _PASSING or code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        said = f"The endpoint of {name!r} cannot answer now ({answers}{_reason(error)})."
        return GeneratorAway(said, retry_after(error.response.headers.get("retry-after", ""), utc_now()))
    look = " Are the model's name and OPENAI_BASE_URL right?" if code == status.HTTP_404_NOT_FOUND else ""
    return GeneratorRefused(f"The endpoint of {name!r} refuses the request ({answers}{_reason(error)}).{look}")


def retry_after(value: str, now: datetime) -> float | None:
    """The seconds that a `Retry-After` asks for, given as such or as a date (RFC 9110); at most a day."""
    if value.isdecimal():
        return min(float(value), LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # The oldest of its three forms names no zone.
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(max(seconds.total_seconds(), 0), LONGEST_WAIT_SECONDS)


def not_compatible(name: str) -> GeneratorRefused:
    """Something else answers at the address, such as a page for browsers."""
    return GeneratorRefused(
        f"The endpoint of {name!r} answers, but not as an OpenAI-compatible one. Is OPENAI_BASE_URL right? "
        "For Ollama, llama.cpp and vLLM it ends with /v1."
    )


def garbled(name: str) -> GeneratorGarbled:
    """What came in the middle of an answer is no part of one."""
    return GeneratorGarbled(f"The endpoint of {name!r} sent what cannot be read in the middle of the answer.")


def broken_off(name: str, reason: str = "") -> GeneratorAway:
    """The stream ended before the answer did."""
    return GeneratorAway(f"The endpoint of {name!r} broke off in the middle of the answer{reason}.")


@contextmanager
def breaking_off(name: str) -> Generator[None]:
    """What goes wrong while an answer is read is said as that it broke off.

    Raises:
        GeneratorAway: it broke off.
    """
    try:
        yield
    except openai.APIError as error:
        raise broken_off(name, _reason(error)) from error
    except httpx2.HTTPError as error:
        raise broken_off(name) from error


def _reason(error: openai.APIError) -> str:
    """The endpoint's own words, as the end of a sentence; there may be none, or a page for browsers."""
    match error.body:
        case {"message": str(said)} | {"detail": str(said)} | str(said) if not said.lstrip().startswith("<"):
            short = _without_key(" ".join(said.split()), error)[:LONGEST_REASON].rstrip(". ")
            return f": {short}" if short else ""
        case _:
            return ""


def _without_key(said: str, error: openai.APIError) -> str:
    """What the endpoint says, without the key that was shown to it: some repeat it."""
    key = error.request.headers.get("authorization", "").removeprefix("Bearer ")
    return said.replace(key, "…") if key else said
