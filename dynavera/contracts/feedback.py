"""Feedback: what a user thinks of an answer."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dynavera.contracts.contract import NOT_BLANK, Contract, Request, SchemaExtra, UtcTime, not_blank, storable

Verdict = Literal["up", "down"]

Note = Annotated[
    str,
    Field(min_length=1, max_length=2000),
    AfterValidator(storable),
    AfterValidator(not_blank),
    SchemaExtra({"pattern": NOT_BLANK}),
]
"""A note: 1 to 2,000 characters, not blank."""


class FeedbackGiven(Request):
    """Feedback as it is given; it replaces what was given before."""

    verdict: Verdict = Field(description="Whether the answer is good (`up`) or bad (`down`).")
    note: Note | None = Field(default=None, description="Why; at most 2,000 characters.")


class Feedback(Contract):
    """Feedback on an execution's answer."""

    verdict: Verdict = Field(description="Whether the answer is good (`up`) or bad (`down`).")
    note: str | None = Field(description="Why; null if nothing was said.")
    updated_at: UtcTime = Field(description="When it was given or last changed.")
