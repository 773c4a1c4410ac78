"""`dynavera up` itself: refuse in a sentence, or run until somebody says stop."""

import asyncio
import signal
from collections.abc import Coroutine, Mapping
from typing import Any

import httpx

from dynavera.contracts.users import LoginLink
from dynavera.credentials import owner_token
from dynavera.settings import Settings
from dynavera.startup import ensure_data_dir
from dynavera.up.checks import check_ports, check_ui, only_one
from dynavera.up.machine import Machine, machine_parts
from dynavera.up.pid_files import PidFiles
from dynavera.up.supervisor import Say

STOPPED_BY_CTRL_C = 130


class Stop:
    """The wish to stop: SIGINT, SIGTERM, or the terminal that closes. Whoever asks twice is in a hurry."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.again = asyncio.Event()
        self.signal: signal.Signals | None = None

    def listen(self) -> None:
        """From now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._hear, number)

    def _hear(self, number: signal.Signals) -> None:
        if self.asked.is_set():
            self.again.set()
        self.signal = self.signal or number
        self.asked.set()

    async def or_result_of(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work`; whether it came to its end before somebody said stop."""
        working = asyncio.create_task(work)
        waiting = asyncio.create_task(self.asked.wait())
        try:
            await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            return working.done()
        finally:
            for task in (working, waiting):
                task.cancel()
            await asyncio.gather(working, waiting, return_exceptions=True)


async def up(settings: Settings, environment: Mapping[str, str], say: Say) -> int:
    """Run everything this machine needs until it is told to stop; the exit code.

    Raises:
        CannotStart: something is missing; nothing is left running.
    """
    stop = Stop()
    stop.listen()
    folder = ensure_data_dir(settings)
    async with httpx.AsyncClient(trust_env=False) as client:
        with only_one(folder):
            parts = machine_parts(settings, environment, client)
            check_ui()
            PidFiles(folder / "run").end_leftovers(parts.values())
            check_ports(settings, temporal="temporal" in parts, mcp="mcp" in parts)
            say(f"Starting {', '.join(part.title for part in parts.values())} …")
            machine = Machine.of(settings, parts, client, say)
            try:
                if await stop.or_result_of(machine.bring_up()):
                    say(await _banner(settings, client))
                    await stop.or_result_of(machine.keep_up())
                say("Stopping …")
            finally:
                await _take_down(machine, stop)
    say("Stopped.")
    return STOPPED_BY_CTRL_C if stop.signal is signal.SIGINT else 0


async def _take_down(machine: Machine, stop: Stop) -> None:
    async def hurry() -> None:
        await stop.again.wait()
        machine.supervisor.kill_all()

    hurrying = asyncio.create_task(hurry())
    try:
        await machine.take_down()
    finally:
        hurrying.cancel()


async def _banner(settings: Settings, client: httpx.AsyncClient) -> str:
    link = await _login_link(settings, client)
    rows = [
        ("Page", settings.page_url),
        ("Log in", link or _without_link(settings)),
        ("Temporal Web", settings.temporal_web_url),
        ("MCP", f"{settings.mcp_client_url}/mcp"),
        ("Data", str(settings.data_dir.absolute())),
    ]
    lines = "\n".join(f"  {name:<14}{value}" for name, value in rows)
    about_link = "The log-in link is good for one use. " if link else ""
    return f"\nDynavera is ready.\n\n{lines}\n\n{about_link}Ctrl-C stops everything.\n"


async def _login_link(settings: Settings, client: httpx.AsyncClient) -> str | None:
    token = owner_token(settings)
    if token is None:
        return None
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"}
    try:
        response = await client.post(f"{settings.api_base_url}/api/login/link", headers=headers, timeout=10)
    except httpx.TransportError:
        return None
    return LoginLink.model_validate_json(response.content).url if response.is_success else None


def _without_link(settings: Settings) -> str:
    if owner_token(settings) is None:
        return "run `dynavera login` where the owner's token is, or set DYNAVERA_TOKEN (the API's log says why)"
    return "run `dynavera login` for a link"
