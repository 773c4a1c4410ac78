"""Errors of an OpenAI-compatible endpoint: whether a retry can help, when, and the message."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
from starlette import status

from dynavera.contracts.contract import utc_now
from dynavera.web.errors import Refused
from mcp_service.generators.endpoint.problems import Problem
from mcp_service.generators.generator import GeneratorAway, GeneratorFailed, GeneratorGarbled, GeneratorRefused

MAX_REASON_LENGTH = 300
MAX_RETRY_AFTER_SECONDS = 24 * 60 * 60

_TRANSIENT = {
    status.HTTP_408_REQUEST_TIMEOUT,
    status.HTTP_409_CONFLICT,
    status.HTTP_425_TOO_EARLY,
    status.HTTP_429_TOO_MANY_REQUESTS,
}
_AUTHENTICATION = {status.HTTP_401_UNAUTHORIZED, status.HTTP_403_FORBIDDEN}

_CONCERNS_KEY = re.compile(
    r"\b(api[ _-]?key|key|authenticat\w*|authoriz\w*|unauthorized|credentials?|bearer|token)\b", re.IGNORECASE
)
_KEY = re.compile(r"\b(?:sk|pk|gsk|key)-[\w.*-]+")

_QUOTA = re.compile(
    r"insufficient[ _](quota|balance|credits?|funds)|exceeded your current quota|quota[ _](exceeded|exhausted)|"
    r"billing|payment required|out of credits?|credit balance|spend(ing)? limit|monthly limit",
    re.IGNORECASE,
)
_TEMPORARY = re.compile(r"per[ _-](second|minute|hour)|retry (in|after)|try again|rate[ _-]limit", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[ _-](length|size|window)|maximum context|max_model_len|string_above_max_length|reduce the length|"
    r"(prompt|input|request|messages?) (is |are )?too long|too many (input |prompt )?tokens|"
    r"exceeds? the (available |maximum |model'?s? )?(context|token)",
    re.IGNORECASE,
)
_WRONG_MODEL = re.compile(
    r"not a chat model|not support(ed)? (the )?chat|chat[ _]completions? (api )?(is |are )?not supported|"
    r"(no|without a) chat template|chat template is not|model[ _]not[ _](found|exist)|"
    r"model .{0,200}(does not exist|not found|not loaded)|unknown model|invalid model|embedding model",
    re.IGNORECASE,
)
_BUSY = re.compile(
    r"overload|rate[ _-]limit|too many requests|unavailable|try again|timed? ?out|busy|\bloading\b", re.IGNORECASE
)


def error_of_response(name: str, problem: Problem, code: int, headers: Mapping[str, str], key: str) -> Refused:
    """The error for a response with an HTTP error status."""
    answer = f"{code} {httpx2.codes.get_reason_phrase(code)}".strip()
    reason = _reason(problem, key)
    if code in _AUTHENTICATION and (not reason or _CONCERNS_KEY.search(reason)):
        # The words may contain a part of the key.
        return GeneratorRefused(f"The endpoint of {name!r} does not accept the key. Is OPENAI_API_KEY right?")
    wait = retry_after(headers, utc_now())
    is_transient = code in _TRANSIENT or code >= status.HTTP_500_INTERNAL_SERVER_ERROR
    if is_transient and not _is_hopeless(problem, has_wait=wait is not None):
        return GeneratorAway(f"The endpoint of {name!r} cannot answer now ({answer}{reason}).", wait)
    hint = " Are the model's name and OPENAI_BASE_URL right?" if code == status.HTTP_404_NOT_FOUND else ""
    return GeneratorRefused(f"The endpoint of {name!r} refuses the request ({answer}{reason}).{hint}")


def error_in_answer(name: str, problem: Problem, key: str) -> Refused:
    """The error for what an endpoint reports with status 200, instead of an answer or in the middle of one."""
    code = problem.status
    reason = _reason(problem, key)
    words = reason.removeprefix(": ") or "no reason given"
    if code in _AUTHENTICATION and (not reason or _CONCERNS_KEY.search(reason)):
        return GeneratorRefused(f"The endpoint of {name!r} does not accept the key. Is OPENAI_API_KEY right?")
    if _is_hopeless(problem, has_wait=False):
        return GeneratorRefused(f"The endpoint of {name!r} refuses the request: {words}.")
    if code is None and not _BUSY.search(_searchable(problem)):
        return GeneratorFailed(f"The endpoint of {name!r} reports an error: {words}.")
    if code is None or code in _TRANSIENT or code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        return GeneratorAway(f"The endpoint of {name!r} cannot answer now ({code or 'busy'}{reason}).")
    return GeneratorRefused(f"The endpoint of {name!r} refuses the request ({code}{reason}).")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long to wait, in whole seconds, at most a day.

    `retry-after-ms` has milliseconds; `retry-after` has seconds, also with a fraction, or a date (RFC 9110).
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _whole(milliseconds / 1000)
    value = headers.get("retry-after", "").strip()
    seconds = _number(value)
    if seconds is not None:
        return _whole(seconds)
    if value.lower().endswith("ms") and (milliseconds := _number(value[:-2])) is not None:
        return _whole(milliseconds / 1000)
    if value.lower().endswith("s") and (seconds := _number(value[:-1])) is not None:
        return _whole(seconds)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # The oldest of the three date formats has no time zone.
    wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return _whole(max(wait.total_seconds(), 0))


def not_compatible(name: str, words: str = "") -> Refused:
    """The error for a server that is not OpenAI-compatible, such as a web site; busy if its words say so."""
    if _BUSY.search(words):
        return GeneratorAway(
            f"The endpoint of {name!r} cannot answer now (busy: {words[:MAX_REASON_LENGTH].rstrip('. ')})."
        )
    sent = f" It sent: {words[:MAX_REASON_LENGTH].rstrip('. ')}." if words else ""
    return GeneratorRefused(
        f"The endpoint of {name!r} is not OpenAI-compatible.{sent} Is OPENAI_BASE_URL right? "
        "For Ollama, llama.cpp and vLLM it ends with /v1."
    )


def malformed_chunk(name: str) -> GeneratorGarbled:
    """The error for an invalid chunk in the middle of an answer."""
    return GeneratorGarbled(f"The endpoint of {name!r} sent an invalid chunk in the middle of the answer.")


def stream_interrupted(name: str) -> GeneratorAway:
    """The error for a stream that ended before the answer did."""
    return GeneratorAway(f"The endpoint of {name!r} closed the connection in the middle of the answer.")


def answer_interrupted(name: str) -> GeneratorAway:
    """The error for an answer that ended when the endpoint got another request."""
    return GeneratorAway(
        f"The endpoint of {name!r} ends an answer when it gets another request. From now on it gets one at a time; "
        "DYNAVERA_OPENAI_CONCURRENCY=1 does so from the start."
    )


def stream_without_answer(name: str) -> GeneratorFailed:
    """The error for a stream that ended before its first token."""
    return GeneratorFailed(f"The endpoint of {name!r} closed the connection before the answer began.")


def _is_hopeless(problem: Problem, *, has_wait: bool) -> bool:
    """Whether the same request would always fail: quota, context, or not a model that answers."""
    text = _searchable(problem)
    if _QUOTA.search(text):
        return "insufficient_quota" in problem.codes or not (has_wait or _TEMPORARY.search(text))
    return bool(_TOO_LONG.search(text) or _WRONG_MODEL.search(text))


def _searchable(problem: Problem) -> str:
    return " ".join([problem.words, *sorted(problem.codes)])


def _reason(problem: Problem, key: str) -> str:
    """The endpoint's words, as the end of a sentence; empty if there are none."""
    words = problem.words.replace(key, "…") if key else problem.words
    short = _KEY.sub("…", words)[:MAX_REASON_LENGTH].rstrip(". ")
    return f": {short}" if short else ""


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\d{1,400}(\.\d{1,400})?", value, re.ASCII) else None


def _whole(seconds: float) -> float:
    return min(math.ceil(min(seconds, MAX_RETRY_AFTER_SECONDS)), MAX_RETRY_AFTER_SECONDS)
