"""Lenient models of what endpoints send: fields that are missing, null or of another type are ignored."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, Field

from dynavera.contracts.executions import FinishReason, Usage

_CUT = {"length", "max_length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"}
_FILTERED = {
    "blocklist",
    "content_filter",
    "content_filtered",
    "guardrail_intervened",
    "prohibited_content",
    "recitation",
    "refusal",
    "safety",
    "sensitive",
    "spii",
}
_BROKEN = {"abort", "aborted", "canceled", "cancelled", "error", "insufficient_system_resource", "network_error"}
_NONE = {"", "none", "null"}

_REASONING_PARTS = ("thinking", "reasoning")
_TEXT_FIELDS = ("text", "content", "value")


class BrokenOff(Exception):
    """The server reports that it could not complete the answer."""


def _text(value: object) -> str:
    """The text of a content: a string, a part, or a list of parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_text, cast("list[object]", value)))
    part = _object(value)
    if part.get("type") in _REASONING_PARTS:
        return ""
    return next((_text(part[key]) for key in _TEXT_FIELDS if part.get(key)), "")


def _reasoning(value: object) -> str:
    """The reasoning among the parts of a content."""
    if isinstance(value, list):
        return "".join(map(_reasoning, cast("list[object]", value)))
    part = _object(value)
    if part.get("type") not in _REASONING_PARTS:
        return ""
    return next((_text(part[key]) for key in (*_REASONING_PARTS, *_TEXT_FIELDS) if part.get(key)), "")


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _message(value: object) -> dict[str, Any]:
    return {"content": value} if isinstance(value, str) else _object(value)


def _objects(value: object) -> list[object]:
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def _count(value: object) -> int | None:
    match value:
        case bool():
            return None
        case int() | float() if 0 <= value < 2**53:
            return int(value)
        case str() if value.isdecimal() and len(value) < 16:
            return int(value)
        case _:
            return None


Text = Annotated[str, BeforeValidator(_text)]
Count = Annotated[int | None, BeforeValidator(_count)]
Flag = Annotated[bool, BeforeValidator(bool)]


class _Message(BaseModel):
    content: Text = ""
    reasoning_parts: Annotated[str, BeforeValidator(_reasoning)] = Field(default="", validation_alias="content")
    reasoning_content: Text = ""
    reasoning: Text = ""
    thinking: Text = ""
    refusal: Text = ""
    tool_calls: Flag = False
    function_call: Flag = False

    @property
    def thoughts(self) -> str:
        """The reasoning, in whichever field it is; some servers repeat it in two."""
        return self.reasoning_content or self.reasoning or self.thinking or self.reasoning_parts


class _Choice(BaseModel):
    index: Count = None
    delta: Annotated[_Message, BeforeValidator(_message)] = _Message()
    message: Annotated[_Message, BeforeValidator(_message)] = _Message()
    text: Text = ""
    finish_reason: Text = ""


class _Usage(BaseModel):
    prompt_tokens: Count = None
    completion_tokens: Count = None
    input_tokens: Count = None
    output_tokens: Count = None


class Chunk(BaseModel):
    """A chunk of a streamed answer, or a whole answer."""

    choices: Annotated[list[_Choice], BeforeValidator(_objects)] = Field(default_factory=list[_Choice])
    counts: Annotated[_Usage, BeforeValidator(_object)] = Field(default=_Usage(), validation_alias="usage")

    @property
    def text(self) -> str:
        """More of the answer."""
        return "".join(choice.delta.content or choice.text for choice in self._first)

    @property
    def whole(self) -> str:
        """The whole answer, which some servers send instead of or after its pieces."""
        return "".join(choice.message.content for choice in self._first)

    @property
    def reasoning(self) -> str:
        """More of the reasoning."""
        return "".join(choice.delta.thoughts or choice.message.thoughts for choice in self._first)

    @property
    def refusal(self) -> str:
        """More of the reason why the model does not answer."""
        return "".join(choice.delta.refusal or choice.message.refusal for choice in self._first)

    @property
    def calls_tool(self) -> bool:
        """Whether the model calls a tool; it is offered none."""
        messages = [message for choice in self._first for message in (choice.delta, choice.message)]
        return any(message.tool_calls or message.function_call for message in messages)

    @property
    def has_token(self) -> bool:
        """Whether the model wrote something: a role or an empty keep-alive is not a token."""
        return bool(self.text or self.whole or self.reasoning or self.refusal or self.calls_tool)

    @property
    def usage(self) -> Usage | None:
        """The usage, if it is complete."""
        counts = self.counts
        prompt = counts.input_tokens if counts.prompt_tokens is None else counts.prompt_tokens
        completion = counts.output_tokens if counts.completion_tokens is None else counts.completion_tokens
        if prompt is None or completion is None:
            return None
        return Usage(prompt_tokens=prompt, completion_tokens=completion)

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the answer ended; None if it goes on.

        Raises:
            BrokenOff: the server gave up.
        """
        for choice in self._first:
            reason = re.sub(r"\W+", "_", choice.finish_reason.strip().lower())
            if reason in _NONE:
                continue
            if reason in _BROKEN:
                raise BrokenOff
            return "length" if reason in _CUT else "content_filter" if reason in _FILTERED else "stop"
        return None

    @property
    def _first(self) -> list[_Choice]:
        # One answer is asked for; a server that sends several numbers them.
        return [choice for choice in self.choices if not choice.index]


def is_chunk(value: Mapping[str, Any]) -> bool:
    """Whether `value` can be a chunk: pings and other events have no choices."""
    return "choices" in value
