"""`dynavera run`: ask an agent, show the live log, print the answer."""

import asyncio
import json
import signal
from collections.abc import Callable
from uuid import UUID, uuid4

from pydantic import ValidationError

from dynavera.cli.client import ApiClient, api_client, api_key
from dynavera.cli.errors import CommandFailed, ExitCode, UsageError
from dynavera.cli.excerpts import excerpt
from dynavera.cli.execution_stream import ExecutionStream
from dynavera.cli.live_view import LiveView
from dynavera.cli.options import Output
from dynavera.cli.output import printable, stderr_console, write
from dynavera.contracts.agents import Agent
from dynavera.contracts.events import (
    ExecutionCompleted,
    ExecutionError,
    ExecutionStopped,
    TerminalEvent,
)
from dynavera.contracts.executions import Execution, OutputData
from dynavera.contracts.sockets import StartAgent
from dynavera.seed import DEFAULT_AGENT
from dynavera.settings import Settings


def run(settings: Settings, question: str, agent_name: str | None, output: Output) -> ExitCode:
    """Start an execution and wait for its end."""
    try:
        start = StartAgent(action="start_agent", input_data={"query": question}, idempotency_key=str(uuid4()))
    except ValidationError as error:
        raise UsageError(
            f"This is not a question: {error.errors()[0]['msg'].removeprefix('Value error, ')}."
        ) from error
    console = stderr_console()
    with api_client(settings) as api:
        agent = find_agent(api, agent_name)
        view = LiveView(console, output)
        stream = ExecutionStream(settings.api_base_url, agent.id, api_key(settings), start, view.show, console.print)
        try:
            terminal_event, interrupted = asyncio.run(_run_to_end(stream, console.print))
        finally:
            view.close()
        _write_result(api, terminal_event, output)
    return _exit_code(terminal_event, interrupted=interrupted)


def find_agent(api: ApiClient, name_or_id: str | None) -> Agent:
    """The agent with this name or id; without one the only agent, or else the default agent.

    Raises:
        UsageError: there is none, or there are several.
    """
    agents = sorted(api.list("/api/agents", Agent), key=lambda agent: agent.id)
    if name_or_id is None:
        found = agents if len(agents) == 1 else [agent for agent in agents if agent.name == DEFAULT_AGENT.name][:1]
        if not found:
            raise UsageError(f"Choose an agent with --agent: {_names(agents)}." if agents else "There is no agent yet.")
        return found[0]
    found = [agent for agent in agents if str(agent.id) == name_or_id.lower()]
    found = found or [agent for agent in agents if agent.name == name_or_id]
    if not found:
        raise UsageError(f"There is no agent {name_or_id!r}. There are: {_names(agents)}.")
    if len(found) > 1:
        raise UsageError(f"{len(found)} agents have the name {name_or_id!r}: choose one by its id (`dynavera agents`).")
    return found[0]


async def _run_to_end(stream: ExecutionStream, notify: Callable[[str], None]) -> tuple[TerminalEvent, bool]:
    """The last event, and whether Ctrl-C was pressed. A second Ctrl-C does not wait for the end."""
    loop = asyncio.get_running_loop()
    stream_task = asyncio.create_task(stream.run())

    def interrupt() -> None:
        if stream.stop_requested.is_set():
            stream_task.cancel()
        else:
            notify("Stopping …")
            stream.stop_requested.set()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        return await stream_task, stream.stop_requested.is_set()
    except asyncio.CancelledError as error:
        raise Detached(stream.execution_id) from error


class Detached(CommandFailed):
    """The user did not wait for the end."""

    exit_code = ExitCode.STOPPED

    def __init__(self, execution_id: UUID | None) -> None:
        super().__init__("Nothing was started." if execution_id is None else f"Execution {execution_id} may still run.")


def _write_result(api: ApiClient, terminal_event: TerminalEvent, output: Output) -> None:
    if output is Output.JSON:
        execution = api.get(f"/api/executions/{terminal_event.execution_id}", Execution)
        write(json.dumps(execution.model_dump(mode="json"), ensure_ascii=False, indent=2))
    elif output is Output.TEXT and terminal_event.output_data is not None:
        write(printable(_text(terminal_event.output_data)))


def _text(output: OutputData) -> str:
    sources = [f"[{source.n}] {source.document}: {excerpt(source.text)}" for source in output.sources]
    return "\n".join([output.answer, "", "Sources", *sources]) if sources else output.answer


def _exit_code(terminal_event: TerminalEvent, *, interrupted: bool) -> ExitCode:
    match terminal_event:
        case ExecutionCompleted():
            return ExitCode.SUCCESS
        case ExecutionError():
            return ExitCode.FAILED
        case ExecutionStopped():
            return ExitCode.STOPPED if interrupted else ExitCode.FAILED


def _names(agents: list[Agent]) -> str:
    return ", ".join(sorted({repr(agent.name) for agent in agents})) or "none"
