"""Errors of an OpenAI-compatible endpoint: whether a retry can help, when, and the message."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import openai
from starlette import status

from dynavera.contracts.contract import utc_now
from mcp_service.generators.generator import GeneratorAway, GeneratorGarbled, GeneratorRefused

MAX_REASON_LENGTH = 300
MAX_RETRY_AFTER_SECONDS = 24 * 60 * 60

_TRANSIENT = {
    status.HTTP_408_REQUEST_TIMEOUT,
    status.HTTP_409_CONFLICT,
    status.HTTP_425_TOO_EARLY,
    status.HTTP_429_TOO_MANY_REQUESTS,
}


def refusal_of_status(name: str, error: openai.APIStatusError) -> GeneratorRefused | GeneratorAway:
    """The error for an HTTP error status."""
    code = error.status_code
    if code in (status.HTTP_401_UNAUTHORIZED, status.HTTP_403_FORBIDDEN):
        # The endpoint's message may contain a part of the key.
        return GeneratorRefused(f"The endpoint of {name!r} does not accept the key. Is OPENAI_API_KEY right?")
    answer = f"{code} {error.response.reason_phrase}".strip()
    if code in _TRANSIENT or code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        message = f"The endpoint of {name!r} cannot answer now ({answer}{_reason(error)})."
        return GeneratorAway(message, retry_after(error.response.headers.get("retry-after", ""), utc_now()))
    hint = " Are the model's name and OPENAI_BASE_URL right?" if code == status.HTTP_404_NOT_FOUND else ""
    return GeneratorRefused(f"The endpoint of {name!r} refuses the request ({answer}{_reason(error)}).{hint}")


def retry_after(value: str, now: datetime) -> float | None:
    """The seconds in a `Retry-After` header, a number or a date (RFC 9110); at most a day."""
    if value.isdecimal():
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # The oldest of the three date formats has no time zone.
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(max(seconds.total_seconds(), 0), MAX_RETRY_AFTER_SECONDS)


def not_compatible(name: str) -> GeneratorRefused:
    """The error for a server that is not OpenAI-compatible, such as a web site."""
    return GeneratorRefused(
        f"The endpoint of {name!r} is not OpenAI-compatible. Is OPENAI_BASE_URL right? "
        "For Ollama, llama.cpp and vLLM it ends with /v1."
    )


def malformed_chunk(name: str) -> GeneratorGarbled:
    """The error for an invalid chunk in the middle of an answer."""
    return GeneratorGarbled(f"The endpoint of {name!r} sent an invalid chunk in the middle of the answer.")


def stream_interrupted(name: str, reason: str = "") -> GeneratorAway:
    """The error for a stream that ended before the answer did."""
    return GeneratorAway(f"The endpoint of {name!r} closed the connection in the middle of the answer{reason}.")


@contextmanager
def translate_stream_errors(name: str) -> Generator[None]:
    """Translate the errors of reading an answer.

    Raises:
        GeneratorAway: the connection was lost.
    """
    try:
        yield
    except openai.APIError as error:
        raise stream_interrupted(name, _reason(error)) from error
    except httpx2.HTTPError as error:
        raise stream_interrupted(name) from error


def _reason(error: openai.APIError) -> str:
    """The endpoint's message, as the end of a sentence; empty if there is none, or an HTML page."""
    match error.body:
        case {"message": str(text)} | {"detail": str(text)} | str(text) if not text.lstrip().startswith("<"):
            short = _without_key(" ".join(text.split()), error)[:MAX_REASON_LENGTH].rstrip(". ")
            return f": {short}" if short else ""
        case _:
            return ""


def _without_key(message: str, error: openai.APIError) -> str:
    """The message without the API key, which some endpoints repeat."""
    key = error.request.headers.get("authorization", "").removeprefix("Bearer ")
    return message.replace(key, "…") if key else message
