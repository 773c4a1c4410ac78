"""One line of the live log for each event, with the tags that the page has too."""

from datetime import timedelta
from typing import assert_never

from rich.text import Text

from dynavera.cli.output import printable
from dynavera.contracts.events import (
    Delta,
    ExecutionCompleted,
    ExecutionError,
    ExecutionEvent,
    ExecutionStarted,
    ExecutionStopped,
    Message,
    Progress,
    ProgressContent,
    Step,
)

STYLES = {
    "Started": "bold",
    "[PROGRESS]": "cyan",
    "[STEP]": "blue",
    "[MESSAGE]": "magenta",
    "Completed": "bold green",
    "Error": "bold red",
    "Stopped": "bold yellow",
}
LONGEST_LINE = 200


def log_line(event: ExecutionEvent) -> Text | None:
    """The line for `event`; none for a delta, which only makes the answer grow."""
    tagged = _tagged(event)
    if tagged is None:
        return None
    tag, words = tagged
    time = event.timestamp.astimezone().strftime("%H:%M:%S")
    return Text.assemble((time, "dim"), "  ", (f"{tag:<10}", STYLES[tag]), "  ", _short(words))


def _tagged(event: ExecutionEvent) -> tuple[str, str] | None:
    match event:
        case ExecutionStarted():
            return "Started", str(event.input_data.get("query", ""))
        case Progress():
            return "[PROGRESS]", _progress(event.content)
        case Step():
            return "[STEP]", event.content.message
        case Delta():
            return None
        case Message():
            return "[MESSAGE]", event.content.text
        case ExecutionCompleted():
            return "Completed", _answered(event)
        case ExecutionError():
            return "Error", f"{event.message} ({event.code})"
        case ExecutionStopped():
            return "Stopped", f"{event.message} ({stop_receipt(event)})"
    assert_never(event)


def stop_receipt(event: ExecutionStopped) -> str:
    """As "stopped in 0.3 s, 214 characters kept", in the words that the page has too.

    It is the time until the generator had let go or, if it never said so, until the execution ended.
    """
    stop = event.stop
    took = _waited((stop.acknowledged_at or event.timestamp) - stop.requested_at)
    # Before anything was written there may have been no generator that could have said it.
    is_unsaid = stop.acknowledged_at is None and stop.characters > 0
    unsaid = " without word from the generator" if is_unsaid else ""
    return f"stopped in {took}{unsaid}, {_kept(stop.characters)}"


def _waited(time: timedelta) -> str:
    milliseconds = time // timedelta(milliseconds=1)
    tenths = (milliseconds + 50) // 100
    if tenths < 1:
        return "less than 0.1 s"
    if tenths < 100:
        return f"{tenths // 10}.{tenths % 10} s"
    minutes, seconds = divmod((milliseconds + 500) // 1000, 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _kept(characters: int) -> str:
    if characters == 0:
        return "nothing had been written"
    return "1 character kept" if characters == 1 else f"{characters:,} characters kept"


def _progress(content: ProgressContent) -> str:
    if content.error is None:
        return content.message
    again = "" if content.retry_in_seconds is None else f"; it goes on in {content.retry_in_seconds:.0f} s"
    return f"{content.message} Attempt {content.attempt} failed: {content.error}{again}"


def _answered(event: ExecutionCompleted) -> str:
    output = event.output_data
    return f"by {output.generator} with {len(output.sources)} sources, {output.usage.completion_tokens} tokens"


def _short(words: str) -> str:
    line = " ".join(printable(words).split())
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"
