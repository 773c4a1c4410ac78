"""The versions of the workflow's rules: an execution keeps to its end the rules with which it started.

The number is part of the workflow's input. That is the same in every replay, which the answer of `workflow.patched` is
not: it depends on whether the SDK counts a step as a replay. See docs/decisions/exact-replay.md.
"""

FIRST = 1
"""Executions that started before there were versions. The code for them is in `workflows.legacy`; they last no
longer than `DYNAVERA_EXECUTION_TIME_LIMIT`, 24 hours by default."""

EXACT_REPLAY = 2
"""The time of a failure is what an activity recorded, and the tail is archived by recorded times."""

ENDED_FIRST = 3
"""An activity that ends in the same moment as a stop is requested has ended first: its result or final failure counts.
Before, it was discarded, so that the commands depended on whether the two reached the workflow together."""

LOCAL_FIRST = 4
"""Retrieval and the outcome are tried as local activities first, as the first record is under all rules."""

CURRENT = LOCAL_FIRST


class WorkerTooOld(Exception):
    """The execution was started under rules that this worker does not know."""


def check_known(rules: int) -> None:
    """Make sure that this worker knows the rules of an execution.

    Raises:
        WorkerTooOld: it does not. Temporal gives the workflow task out again until a newer worker takes it.
    """
    if rules > CURRENT:
        raise WorkerTooOld(
            f"The execution follows rules {rules}, and this worker knows {CURRENT}: start a newer worker."
        )
