"""The lines of the live log, with the same tags as on the page."""

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
MAX_LINE_LENGTH = 200


def log_line(event: ExecutionEvent) -> Text | None:
    """The line for `event`; None for a delta, which only extends the answer."""
    tag_and_text = _tag_and_text(event)
    if tag_and_text is None:
        return None
    tag, text = tag_and_text
    time = event.timestamp.astimezone().strftime("%H:%M:%S")
    return Text.assemble((time, "dim"), "  ", (f"{tag:<10}", STYLES[tag]), "  ", _one_line(text))


def _tag_and_text(event: ExecutionEvent) -> tuple[str, str] | None:
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
            return "Completed", _usage(event)
        case ExecutionError():
            return "Error", f"{event.message} ({event.code})"
        case ExecutionStopped():
            return "Stopped", f"{event.message} ({stop_receipt(event)})"
    assert_never(event)


def stop_receipt(event: ExecutionStopped) -> str:
    """The receipt of a stop, such as "stopped in 0.3 s, 214 characters kept", worded as on the page.

    The time is until the generator confirmed or, if it did not, until the execution ended.
    """
    stop = event.stop
    duration = _duration((stop.acknowledged_at or event.timestamp) - stop.requested_at)
    # Before anything was written there may have been no generator to confirm it.
    is_unconfirmed = stop.acknowledged_at is None and stop.characters > 0
    unconfirmed = " without word from the generator" if is_unconfirmed else ""
    return f"stopped in {duration}{unconfirmed}, {_kept(stop.characters)}"


def _duration(time: timedelta) -> str:
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
    retry = "" if content.retry_in_seconds is None else f"; next attempt in {content.retry_in_seconds:.0f} s"
    return f"{content.message} Attempt {content.attempt} failed: {content.error}{retry}"


def _usage(event: ExecutionCompleted) -> str:
    output = event.output_data
    return f"by {output.generator} with {len(output.sources)} sources, {output.usage.completion_tokens} tokens"


def _one_line(text: str) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= MAX_LINE_LENGTH else f"{line[: MAX_LINE_LENGTH - 1]}…"
