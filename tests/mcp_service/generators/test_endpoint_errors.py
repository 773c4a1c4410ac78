"""Translation of an endpoint's errors."""

from datetime import UTC, datetime

import pytest

from dynavera.web.errors import Refused
from mcp_service.generators.endpoint.errors import (
    MAX_RETRY_AFTER_SECONDS,
    error_in_answer,
    error_of_response,
    retry_after,
)
from mcp_service.generators.endpoint.problems import find_problem
from mcp_service.generators.generator import GeneratorAway, GeneratorFailed, GeneratorRefused

NOW = datetime(1994, 11, 6, 8, 49, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 7),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 7),
        ("Sun Nov  6 08:49:37 1994", 7),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("Sun, 06 Nov 2094 08:49:37 GMT", MAX_RETRY_AFTER_SECONDS),
        ("9" * 400, MAX_RETRY_AFTER_SECONDS),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", 2),
        ("0.2", 1),
        ("250ms", 1),
        ("20s", 20),
        ("nan", None),
        ("1e3", None),
    ],
)
def test_retry_after_is_whole_seconds_from_a_number_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


def error_of(status: int, body: object, **headers: str) -> Refused:
    problem = find_problem(body, is_error=True)
    assert problem is not None
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_of_response("openai:m", problem, status, named, "sk-test")


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_transient_errors_are_retryable(status: int) -> None:
    assert isinstance(error_of(status, None), GeneratorAway)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 415, 422])
def test_permanent_errors_are_not_retryable(status: int) -> None:
    assert error_of(status, None).retryable is False


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            400,
            {"message": "too long.\n"},
            "The endpoint of 'openai:m' refuses the request (400 Bad Request: too long).",
        ),
        (413, {"detail": "no"}, "The endpoint of 'openai:m' refuses the request (413 Content Too Large: no)."),
        (503, "loading", "The endpoint of 'openai:m' cannot answer now (503 Service Unavailable: loading)."),
        (502, "", "The endpoint of 'openai:m' cannot answer now (502 Bad Gateway)."),
        (529, None, "The endpoint of 'openai:m' cannot answer now (529)."),
    ],
)
def test_the_error_includes_the_message_of_the_endpoint(status: int, body: object, message: str) -> None:
    assert str(error_of(status, body)) == message


def test_the_error_for_an_unknown_model_names_the_setting() -> None:
    refusal = error_of(404, {"message": "model 'm' not found"})

    assert "model 'm' not found" in str(refusal)
    assert "OPENAI_BASE_URL" in str(refusal)


@pytest.mark.parametrize("status", [401, 403])
def test_messages_that_may_contain_the_key_are_not_repeated(status: int) -> None:
    refusal = error_of(status, {"message": "Incorrect API key: sk-test"})

    assert "sk-test" not in str(refusal)
    assert "OPENAI_API_KEY" in str(refusal)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}},
        {"error": {"message": "Your credit balance is too low."}},
        {"error": "the request exceeds the available context size"},
        {"error": {"message": "Failed", "code": "context_length_exceeded"}},
        {"message": "prompt is too long: 9000 tokens"},
        {"detail": "This is not a chat model."},
        {"error": {"message": "model 'm' not found"}},
    ],
)
@pytest.mark.parametrize("status", [None, 400, 429, 500, 503])
def test_errors_that_no_retry_helps_are_permanent_with_any_status(body: object, status: int | None) -> None:
    if status is None:
        problem = find_problem(body, is_error=False)
        assert problem is not None
        assert isinstance(error_in_answer("openai:m", problem, ""), GeneratorRefused)
    else:
        assert isinstance(error_of(status, body), GeneratorRefused)


@pytest.mark.parametrize("words", ["Quota exceeded: 20 requests per minute.", "Rate limit reached. Try again in 3 s."])
def test_rate_limits_are_retryable(words: str) -> None:
    assert isinstance(error_of(429, {"error": {"message": words}}, retry_after="3"), GeneratorAway)
    assert isinstance(error_of(429, {"error": {"message": words}}), GeneratorAway)


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (
            {"error": {"code": 503, "message": "slot unavailable"}},
            GeneratorAway,
            "now (503: slot unavailable).",
        ),
        ({"error": {"code": "503", "message": "loading"}}, GeneratorAway, "cannot answer now (503: loading)."),
        ({"error": {"type": "overloaded_error", "message": "Overloaded."}}, GeneratorAway, "(busy: Overloaded)."),
        ({"object": "error", "message": "bad token", "code": 400}, GeneratorRefused, "request (400: bad token)."),
        ({"error": "CUDA error"}, GeneratorFailed, "reports an error: CUDA error."),
        ({"errors": [{"message": "first"}, {"message": "second"}]}, GeneratorFailed, "an error: first; second."),
        ({"detail": [{"loc": ["body", "n"], "msg": "is extra"}]}, GeneratorFailed, "an error: body.n: is extra."),
        ({"error": {}, "type": "error"}, GeneratorFailed, "reports an error: no reason given."),
        ({"error": {"message": "Not in your country", "code": 403}}, GeneratorRefused, "(403: Not in your country)."),
        ({"error": {"message": "Bad API key sk-x", "code": 401}}, GeneratorRefused, "does not accept the key."),
    ],
)
def test_an_error_with_status_200_includes_the_message_of_the_endpoint(
    body: object, kind: type[Refused], sentence: str
) -> None:
    problem = find_problem(body, is_error=False)

    assert problem is not None
    error = error_in_answer("openai:m", problem, "")
    assert type(error) is kind
    assert sentence in str(error)


def test_status_403_for_another_reason_than_the_key_includes_the_message() -> None:
    refusal = error_of(403, {"error": {"message": "Your region is not supported."}})

    assert "(403 Forbidden: Your region is not supported)." in str(refusal)


def test_milliseconds_are_preferred_to_seconds() -> None:
    away = error_of(429, None, retry_after_ms="1200", retry_after="60")

    assert away.retry_after_seconds == 2
