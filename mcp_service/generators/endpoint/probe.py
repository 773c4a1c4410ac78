"""Texts whose continuation is known: they show whether a server continues the last message of the assistant.

Many servers close that message and begin a new answer, which then must not be joined to the text of an earlier attempt.
A new answer could continue a list, but not in the middle of a word, nor with the space after a word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LINE = "north amber seven watermelon river copper violet stone"

SYSTEM = "You repeat lines exactly."


@dataclass(frozen=True)
class Probe:
    """A beginning of the line, and what must follow."""

    beginning: str
    continuation: str
    max_tokens: int = 16

    @property
    def messages(self) -> Sequence[Mapping[str, str]]:
        """The request."""
        return [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": f"Repeat this line, and write nothing else: {LINE}"},
            {"role": "assistant", "content": self.beginning},
        ]


PROBES = (
    Probe("north amber seven water", "melon river"),
    Probe("north amber seven watermelon river", " copper violet"),
)
