"""Text as a model writes it: broken characters repaired, reasoning kept apart from the answer."""

from dataclasses import dataclass

REASONING_TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "<THINK>": "</THINK>",
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "◁think▷": "◁/think▷",
    "<|channel|>analysis<|message|>": "<|end|><|start|>assistant<|channel|>final<|message|>",
}
"""The tags around a model's reasoning, where its server does not send it apart."""

_OPENINGS = tuple(REASONING_TAGS)
_CLOSINGS = tuple(REASONING_TAGS.values())
_HIGH_SURROGATES = range(0xD800, 0xDC00)


class CharacterRepair:
    """Joins surrogate pairs that are split between chunks, and replaces what cannot be stored."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        """The repaired text; half of a pair at its end is held back."""
        text = self._half + text
        self._half = text[-1] if text and ord(text[-1]) in _HIGH_SURROGATES else ""
        return _repaired(text[: len(text) - len(self._half)])

    def flush(self) -> str:
        """What is still held back at the end."""
        half, self._half = self._half, ""
        return _repaired(half)


def _repaired(text: str) -> str:
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\x00", "\ufffd")


@dataclass
class ReasoningSplitter:
    """Divides a text into reasoning, between tags at its start or at the start of a line, and answer.

    The chat templates of some models contain the opening tag, so that their text begins with reasoning and has only the
    closing tag: then `restarts` is set, and what came before was not the answer. With `begins_with_reasoning` that is
    expected.
    """

    begins_with_reasoning: bool = False
    reasoning: str = ""
    restarts: bool = False
    _held: str = ""
    _answer: str = ""
    _closing: tuple[str, ...] = ()
    _has_reasoned: bool = False

    def __post_init__(self) -> None:
        if self.begins_with_reasoning:
            self._closing = _CLOSINGS

    def feed(self, text: str) -> str:
        """The part of the answer that is decided with `text`."""
        self._held += text
        decided = ""
        while True:
            tags = self._closing or self._expected_tags()
            place, tag = _first(self._held, tags)
            if not tag:
                return decided + self._take(len(self._held) - _partial_length(self._held, tags))
            decided += self._take(place)
            self._held = self._held.lstrip()[len(tag) :] if self._held[:1].isspace() else self._held[len(tag) :]
            decided = self._pass(tag, decided)

    def flush(self, *, is_cut: bool) -> str:
        """The rest of the answer; a text that was expected to begin with reasoning, but ended without, is an answer."""
        if self._closing == _CLOSINGS and not is_cut:
            self._closing = ()
            self._held, self.reasoning = self.reasoning + self._held, ""
        held, self._held = self._held, ""
        if self._closing:
            self.reasoning += held
            return ""
        return held if self._answer else held.lstrip() if self._has_reasoned else held

    def _expected_tags(self) -> tuple[str, ...]:
        return _OPENINGS if self._has_reasoned else (*_OPENINGS, *_CLOSINGS)

    def _take(self, length: int) -> str:
        """Decide the first `length` characters that are held back; white space before the answer stays held back."""
        text, rest = self._held[:length], self._held[length:]
        if self._closing:
            self.reasoning += text
            text = ""
        elif not self._answer and not text.strip():
            text, rest = "", self._held
        elif not self._answer and self._has_reasoned:
            text = text.lstrip()
        self._answer += text
        self._held = rest
        return text

    def _pass(self, tag: str, decided: str) -> str:
        """Go past a tag; returns the part of `decided` that is still the answer."""
        if tag in REASONING_TAGS:
            if self._answer.strip() and not self._answer.endswith("\n"):
                self._answer += tag
                return decided + tag
            self._closing = (REASONING_TAGS[tag],)
            return decided
        if not self._closing:
            self.reasoning += self._answer
            self._answer = decided = ""
            self.restarts = True
        self._closing = ()
        self._has_reasoned = True
        return decided


def _first(text: str, tags: tuple[str, ...]) -> tuple[int, str]:
    found = [(place, tag) for tag in tags if (place := text.find(tag)) >= 0]
    return min(found, default=(0, ""))


def _partial_length(text: str, tags: tuple[str, ...]) -> int:
    """The length of the longest end of `text` with which a tag begins."""
    longest = max(map(len, tags)) - 1
    return next(
        (size for size in range(min(longest, len(text)), 0, -1) if any(tag.startswith(text[-size:]) for tag in tags)), 0
    )
