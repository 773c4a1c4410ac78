"""Translation of an endpoint's errors."""

from datetime import UTC, datetime

import httpx2
import openai
import pytest

from mcp_service.generators.endpoint_errors import MAX_RETRY_AFTER_SECONDS, refusal_of_status, retry_after
from mcp_service.generators.generator import GeneratorAway

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
        ("1.5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def status_error(status: int, body: object) -> openai.APIStatusError:
    response = httpx2.Response(status, request=httpx2.Request("POST", "http://endpoint/v1"))
    return openai.APIStatusError("not shown", response=response, body=body)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_transient_errors_are_retryable(status: int) -> None:
    assert isinstance(refusal_of_status("openai:m", status_error(status, None)), GeneratorAway)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 415, 422])
def test_permanent_errors_are_not_retryable(status: int) -> None:
    assert refusal_of_status("openai:m", status_error(status, None)).retryable is False


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
        (502, "<html>Bad</html>", "The endpoint of 'openai:m' cannot answer now (502 Bad Gateway)."),
        (529, None, "The endpoint of 'openai:m' cannot answer now (529)."),
    ],
)
def test_the_error_includes_the_message_of_the_endpoint(status: int, body: object, message: str) -> None:
    assert str(refusal_of_status("openai:m", status_error(status, body))) == message


def test_the_error_for_an_unknown_model_names_the_setting() -> None:
    refusal = refusal_of_status("openai:m", status_error(404, {"message": "model 'm' not found"}))

    assert "model 'm' not found" in str(refusal)
    assert "OPENAI_BASE_URL" in str(refusal)


@pytest.mark.parametrize("status", [401, 403])
def test_messages_that_may_contain_the_key_are_not_repeated(status: int) -> None:
    refusal = refusal_of_status("openai:m", status_error(status, {"message": "Incorrect API key: sk-test"}))

    assert "sk-test" not in str(refusal)
    assert "OPENAI_API_KEY" in str(refusal)
