"""Reading the answers of real servers, as other clients do."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from mcp_service.generators.generator import Finished, GeneratorAway, GeneratorFailed, GeneratorRefused
from tests.mcp_service.generators.test_endpoint_generator import collect, something_else, text_of

ANSWER = "Light is red."


def chunk(content: Any, finish_reason: Any = None, **fields: Any) -> str:
    return json.dumps(
        {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}], **fields}
    )


def stream(*events: str) -> str:
    return "".join(f"data: {event}\n\n" for event in events)


WHOLE = (chunk("Light "), chunk("is red."), chunk(None, "stop"), "[DONE]")
END = (chunk("", "stop"), "[DONE]")


@pytest.mark.parametrize(
    "body",
    [
        "\ufeff" + stream(*WHOLE),
        "retry: 3000\n\n" + stream(*WHOLE),
        ": comment\n\nid: 7\n" + stream(*WHOLE),
        'event: ping\ndata: {"type": "ping"}\n\n' + stream(*WHOLE),
        stream(": keep-alive", "null", "", "[]", "{}", '{"choices": null}', '{"choices": []}', *WHOLE),
        stream(*WHOLE).replace("\n", "\r\n"),
        stream(*WHOLE).replace("\n", "\r"),
        stream(*WHOLE).replace("data: ", "data:"),
        stream(*WHOLE).replace("\n\n", "\n"),
        stream(*WHOLE).rstrip("\n"),
        stream(*WHOLE[:2], "[DONE]"),
        stream(*WHOLE[:3]),
        stream(*WHOLE[:2], "[done]"),
        stream('{"choices": [{"delta": "Light is red."}]}', *END),
        stream(chunk("Light is red.", "stop")),
        stream(chunk("Light is red."), '{"choices": [{"delta": null, "finish_reason": "stop"}]}'),
        stream(chunk("Light is red."), '{"choices": [{"finish_reason": "eos"}]}'),
        stream(chunk("Light ", ""), chunk("is red.", "null"), *END),
        stream(chunk([{"type": "text", "text": "Light "}, {"type": "text", "text": "is red."}]), *END),
        stream(chunk(7), chunk({"type": "text", "text": "Light is red."}), *END),
        stream(chunk(ANSWER, usage={}), *END),
        stream(chunk(ANSWER, usage={"prompt_tokens": None, "completion_tokens": "many"}), *END),
        stream(chunk(ANSWER, usage=[7], error=None), *END),
        stream('{"choices": [{"text": "Light is red.", "finish_reason": "stop"}]}'),
        stream('{"choices": [{"message": {"content": "Light is red."}, "finish_reason": "stop"}]}'),
        stream(*WHOLE[:2], '{"choices": [{"message": {"content": "Light is red."}, "finish_reason": "stop"}]}'),
        stream('{"choices": {"delta": {"content": "Light is red."}}}', "[DONE]"),
        stream(chunk(ANSWER), '{"choices": [{"index": 1, "delta": {"content": "Another."}}]}', *END),
        "\n".join(WHOLE[:3]),
        '{"choices": [{"message": {"role": "assistant", "content": "Light is red."}}]}',
        json.dumps({"choices": [{"message": {"content": ANSWER}}]}, indent=2),
        json.dumps([{"choices": [{"message": {"content": ANSWER}}]}]),
    ],
)
async def test_unusual_streams_are_read(body: str) -> None:
    items = await collect(something_else(body))

    assert text_of(items) == ANSWER
    assert isinstance(items[-1], Finished)
    assert items[-1].finish_reason == "stop"


async def test_an_answer_as_a_json_document_is_read() -> None:
    body = {
        "choices": [{"message": {"content": ANSWER}, "finish_reason": "length"}],
        "usage": {"input_tokens": 7, "output_tokens": "3"},
    }

    ending = (await collect(something_else(json.dumps(body), "application/json")))[-1]

    assert isinstance(ending, Finished)
    assert ending.finish_reason == "length"
    assert (ending.usage.prompt_tokens, ending.usage.completion_tokens) == (7, 3)


async def test_the_declared_character_set_of_a_json_document_is_used() -> None:
    body = json.dumps({"choices": [{"message": {"content": "Größe"}}]}, ensure_ascii=False).encode("latin-1")

    assert text_of(await collect(something_else(body, "application/json; charset=iso-8859-1"))) == "Größe"


async def test_unicode_line_separators_do_not_end_lines() -> None:
    text = "Light\u2028is\u0085red."

    items = await collect(
        something_else(stream(json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False), *END))
    )

    assert text_of(items) == text


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (('"Hi \\ud83c"', '"\\udf0d."'), "Hi 🌍."),
        (('"\\ud83c"', '""', '"\\udf0d"'), "🌍"),
        (('"Hi \\ud83c"', '" there"'), "Hi \ufffd there"),
        (('"Hi \\ud83c"',), "Hi \ufffd"),
        (('"\\udf0d Hi"',), "\ufffd Hi"),
        (('"a\\u0000b"',), "a\ufffdb"),
    ],
)
async def test_surrogates_are_joined_or_replaced(pieces: Sequence[str], text: str) -> None:
    chunks = [f'{{"choices": [{{"delta": {{"content": {piece}}}}}]}}' for piece in pieces]

    assert text_of(await collect(something_else(stream(*chunks, *END)))) == text


@pytest.mark.parametrize(
    "pieces",
    [
        ["<think>\nHm.\n</think>\n\nLight is red."],
        ["\n<thi", "nk>Hm.</th", "ink>", "\n", "Light is red."],
        ["Hm.\n</think>\n\n", "Light is red."],
        ["Hm.", "</thi", "nk>Light is red."],
        ["[THINK]Hm.[/THINK]Light is red."],
        ["<THINK>Hm.</THINK>Light is red."],
        ["<|START_THINKING|>Hm.<|END_THINKING|>Light is red."],
        ["<|begin_of_thought|>Hm.<|end_of_thought|>Light is red."],
        ["<|channel|>analysis<|message|>Hm.<|end|>", "<|start|>assistant<|channel|>final<|message|>Light is red."],
        ["<think></think><think>Hm.</think>Light is red."],
        list("<thinking>Hm.</thinking> Light is red."),
    ],
)
async def test_reasoning_in_tags_is_kept_apart(pieces: Sequence[str]) -> None:
    items = await collect(something_else(stream(*map(chunk, pieces), *END)))

    assert text_of(items) == ANSWER
    assert isinstance(items[-1], Finished)
    assert items[-1].reasoning == "Hm."


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "Hm.", "content": None},
        {"reasoning": "Hm."},
        {"reasoning_content": None, "reasoning": "Hm.", "reasoning_details": [{"text": "Hm."}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]},
        {"content": [{"type": "reasoning", "text": "Hm."}]},
    ],
)
async def test_reasoning_in_a_field_is_kept_apart(delta: dict[str, Any]) -> None:
    items = await collect(something_else(stream(json.dumps({"choices": [{"delta": delta}]}), chunk(ANSWER), *END)))

    assert text_of(items) == ANSWER
    assert isinstance(items[-1], Finished)
    assert items[-1].reasoning == "Hm."


@pytest.mark.parametrize("answer", ["a < b", "Use the <think> tag.", "2 <", "List: <t"])
async def test_text_similar_to_a_tag_is_part_of_the_answer(answer: str) -> None:
    items = await collect(something_else(stream(*map(chunk, answer), *END)))

    assert text_of(items) == answer


@pytest.mark.parametrize(
    "body", ["", ": ping\n\n", stream(chunk("")), stream('{"choices": [{"delta": {"role": "assistant"}}]}')]
)
async def test_a_stream_that_ends_before_its_first_token_is_tried_a_few_times(body: str) -> None:
    with pytest.raises(GeneratorFailed, match="before the answer began") as failed:
        await collect(something_else(body))

    assert (failed.value.code, failed.value.retryable) == ("generator_failed", True)


async def test_the_error_includes_a_plain_text_response() -> None:
    with pytest.raises(GeneratorRefused, match=r"not OpenAI-compatible\. It sent: It works!\."):
        await collect(something_else("It works!\n", "text/plain"))


@pytest.mark.parametrize(
    "body",
    [
        'error: {"code": 503, "message": "no slot"}\n',
        'data: {"error": {"code": 503, "message": "no slot"}}\n\n',
        'event: error\ndata: {"code": 503, "message": "no slot"}\n\n',
        'data: {"choices": [], "error": {"code": 503, "message": "no slot"}}\n\n',
        '{"error": {"code": 503, "message": "no slot"}}',
        '[{"error": {"code": 503, "message": "no slot"}}]',
        '{\n "error": {\n  "code": 503,\n  "message": "no slot"\n }\n}',
    ],
)
@pytest.mark.parametrize("beginning", ["", stream(chunk("Light"))])
async def test_an_error_with_status_200_is_read(beginning: str, body: str) -> None:
    if beginning and body.startswith("{\n"):
        pytest.skip("a document of several lines is not a part of a stream")
    with pytest.raises(GeneratorAway, match=r"\(503: no slot\)"):
        await collect(something_else(beginning + body))


@pytest.mark.parametrize("beginning", ["", stream(chunk("Light"))])
async def test_an_error_in_plain_words_is_read(beginning: str) -> None:
    with pytest.raises(GeneratorFailed, match="reports an error: out of memory"):
        await collect(something_else(beginning + "event: error\ndata: out of memory\n\n"))


@pytest.mark.parametrize("body", ["Model is loading", '"The model is loading."'])
async def test_a_server_that_says_it_is_busy_is_asked_again(body: str) -> None:
    with pytest.raises(GeneratorAway, match="odel is loading"):
        await collect(something_else(body, "text/plain"))


async def test_the_finish_reason_error_is_retryable() -> None:
    with pytest.raises(GeneratorAway, match="in the middle of the answer"):
        await collect(something_else(stream(chunk("Light"), chunk("", "error"), "[DONE]")))
