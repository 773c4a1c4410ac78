"""The display of a running execution: its log and, in a terminal, the end of its growing answer."""

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from dynavera.cli.log_lines import log_line
from dynavera.cli.options import Output
from dynavera.cli.output import printable, write
from dynavera.contracts.events import Delta, ExecutionEvent, execution_event
from dynavera.contracts.execution_view import ExecutionView

SHOWN_LINES = 8
SHOWN_CHARACTERS = 4_000
"""How much of the end of the answer is wrapped into these lines."""


class LiveView:
    """Shows the events of one execution; the caller closes it."""

    def __init__(self, console: Console, output: Output) -> None:
        self._console = console
        self._output = output
        self._view = ExecutionView()
        self._spinner = Spinner("dots", "Waiting …")
        self._live: Live | None = None
        if console.is_terminal and output is not Output.JSONL:
            # Without redirect_stdout=False, Rich would show what is written to standard output in the terminal.
            self._live = Live(
                get_renderable=self._render,
                console=console,
                transient=True,
                redirect_stdout=False,
                refresh_per_second=8,
            )
            self._live.start()

    def show(self, event: ExecutionEvent) -> None:
        """Show an event."""
        if self._output is Output.JSONL:
            write(execution_event.dump_json(event).decode())
        line = log_line(event)
        if line is not None:
            self._console.print(line)
        self._view.apply(event)
        if isinstance(event, Delta):
            self._spinner.update(text=f"Answering … {len(self._view.answer)} characters")

    def close(self) -> None:
        """Remove everything but the log."""
        if self._live is not None:
            self._live.stop()

    def _render(self) -> RenderableType:
        if self._output is not Output.TEXT or not self._view.answer:
            return self._spinner
        end = Text(printable(self._view.answer[-SHOWN_CHARACTERS:]))
        return Group(*end.wrap(self._console, self._console.width)[-SHOWN_LINES:], self._spinner)
