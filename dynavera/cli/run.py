"""`dynavera run`: ask an agent, show the live log, write the answer."""

import asyncio
import json
import signal
from collections.abc import Callable
from uuid import UUID, uuid4

from pydantic import ValidationError

from dynavera.cli.client import Api, api, api_key
from dynavera.cli.excerpts import excerpt
from dynavera.cli.failures import CommandFailed, ExitCode, WrongUse
from dynavera.cli.following import Following
from dynavera.cli.options import Output
from dynavera.cli.output import notes, printable, write
from dynavera.cli.watching import Watching
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
    """Ask, and wait for the end."""
    try:
        start = StartAgent(action="start_agent", input_data={"query": question}, idempotency_key=str(uuid4()))
    except ValidationError as error:
        raise WrongUse(f"This is no question: {error.errors()[0]['msg'].removeprefix('Value error, ')}.") from error
    console = notes()
    with api(settings) as dynavera:
        agent = the_agent(dynavera, agent_name)
        watching = Watching(console, output)
        following = Following(settings.api_base_url, agent.id, api_key(settings), start, watching.show, console.print)
        try:
            end, interrupted = asyncio.run(_until_the_end(following, console.print))
        finally:
            watching.close()
        _write_result(dynavera, end, output)
    return _exit_code(end, interrupted=interrupted)


def the_agent(dynavera: Api, wanted: str | None) -> Agent:
    """The agent of this name or id; without one the only agent, or the one that the first start made.

    Raises:
        WrongUse: there is none, or there are several.
    """
    agents = sorted(dynavera.list("/api/agents", Agent), key=lambda agent: agent.id)
    if wanted is None:
        found = agents if len(agents) == 1 else [agent for agent in agents if agent.name == DEFAULT_AGENT.name][:1]
        if not found:
            raise WrongUse(f"Say which agent with --agent: {_names(agents)}." if agents else "There is no agent yet.")
        return found[0]
    found = [agent for agent in agents if str(agent.id) == wanted.lower()]
    found = found or [agent for agent in agents if agent.name == wanted]
    if not found:
        raise WrongUse(f"There is no agent {wanted!r}. There are: {_names(agents)}.")
    if len(found) > 1:
        raise WrongUse(f"{len(found)} agents have the name {wanted!r}: say which by its id (`dynavera agents`).")
    return found[0]


async def _until_the_end(following: Following, note: Callable[[str], None]) -> tuple[TerminalEvent, bool]:
    """The last event, and whether Ctrl-C was pressed; the second Ctrl-C does not wait for the end."""
    loop = asyncio.get_running_loop()
    following_task = asyncio.create_task(following.to_its_end())

    def interrupt() -> None:
        if following.stop_asked.is_set():
            following_task.cancel()
        else:
            note("Stopping …")
            following.stop_asked.set()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        return await following_task, following.stop_asked.is_set()
    except asyncio.CancelledError as error:
        raise LeftBehind(following.execution_id) from error


class LeftBehind(CommandFailed):
    """The person did not wait for the end."""

    exit_code = ExitCode.STOPPED

    def __init__(self, execution_id: UUID | None) -> None:
        super().__init__("Nothing was started." if execution_id is None else f"Execution {execution_id} is left alone.")


def _write_result(dynavera: Api, end: TerminalEvent, output: Output) -> None:
    if output is Output.JSON:
        execution = dynavera.get(f"/api/executions/{end.execution_id}", Execution)
        write(json.dumps(execution.model_dump(mode="json"), ensure_ascii=False, indent=2))
    elif output is Output.TEXT and end.output_data is not None:
        write(printable(_text(end.output_data)))


def _text(output: OutputData) -> str:
    sources = [f"[{source.n}] {source.document}: {excerpt(source.text)}" for source in output.sources]
    return "\n".join([output.answer, "", "Sources", *sources]) if sources else output.answer


def _exit_code(end: TerminalEvent, *, interrupted: bool) -> ExitCode:
    match end:
        case ExecutionCompleted():
            return ExitCode.DONE
        case ExecutionError():
            return ExitCode.FAILED
        case ExecutionStopped():
            return ExitCode.STOPPED if interrupted else ExitCode.FAILED


def _names(agents: list[Agent]) -> str:
    return ", ".join(sorted({repr(agent.name) for agent in agents})) or "none"
