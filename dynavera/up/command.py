"""The command `dynavera up`: check, start everything, and run until a signal stops it."""

import asyncio
import signal
from collections.abc import Coroutine, Mapping
from typing import Any

import httpx

from dynavera.contracts.users import LoginLink
from dynavera.credentials import owner_token
from dynavera.settings import Settings
from dynavera.startup import STOP_SIGNALS, ensure_data_dir, on_signals
from dynavera.up.pid_files import PidFiles
from dynavera.up.preflight import check_page, check_ports, instance_lock
from dynavera.up.stack import Stack, process_specs
from dynavera.up.supervisor import Notify

STOPPED_BY_CTRL_C = 130


class StopSignals:
    """SIGINT, SIGTERM and SIGHUP (the terminal closes). A second signal asks to stop at once."""

    def __init__(self) -> None:
        self.received = asyncio.Event()
        self.received_again = asyncio.Event()
        self.first: signal.Signals | None = None

    def install(self) -> None:
        """Handle these signals from now on."""
        on_signals(self._handle, (*STOP_SIGNALS, signal.SIGHUP))

    def _handle(self, number: signal.Signals) -> None:
        if self.received.is_set():
            self.received_again.set()
        self.first = self.first or number
        self.received.set()

    async def run_unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run `work`, or cancel it at a signal; whether it finished."""
        work_task = asyncio.create_task(work)
        signal_task = asyncio.create_task(self.received.wait())
        try:
            await asyncio.wait({work_task, signal_task}, return_when=asyncio.FIRST_COMPLETED)
            if work_task.done():
                work_task.result()
            return work_task.done()
        finally:
            for task in (work_task, signal_task):
                task.cancel()
            await asyncio.gather(work_task, signal_task, return_exceptions=True)


async def up(settings: Settings, environment: Mapping[str, str], notify: Notify) -> int:
    """Run the whole instance until a signal stops it; the exit code.

    Raises:
        CannotStart: something is missing; no process is left running.
    """
    signals = StopSignals()
    signals.install()
    folder = ensure_data_dir(settings)
    async with httpx.AsyncClient(trust_env=False) as client:
        with instance_lock(folder):
            specs = process_specs(settings, environment, client)
            check_page()
            PidFiles(folder / "run").kill_orphans(specs.values())
            check_ports(settings, temporal="temporal" in specs, mcp="mcp" in specs)
            notify(f"Starting {', '.join(spec.title for spec in specs.values())} …")
            stack = Stack.create(settings, specs, client, notify)
            try:
                if await signals.run_unless_stopped(stack.start()):
                    notify(await _banner(settings, client))
                    await signals.run_unless_stopped(stack.watch())
                notify("Stopping …")
            finally:
                await _stop(stack, signals)
    notify("Stopped.")
    return STOPPED_BY_CTRL_C if signals.first is signal.SIGINT else 0


async def _stop(stack: Stack, signals: StopSignals) -> None:
    async def kill_at_second_signal() -> None:
        await signals.received_again.wait()
        stack.supervisor.kill_all()

    killing = asyncio.create_task(kill_at_second_signal())
    try:
        await stack.stop()
    finally:
        killing.cancel()


async def _banner(settings: Settings, client: httpx.AsyncClient) -> str:
    link = await _login_link(settings, client)
    rows = [
        ("Page", settings.page_url),
        ("Log in", link or _login_advice(settings)),
        ("Temporal Web", settings.temporal_web_url),
        ("MCP", f"{settings.mcp_client_url}/mcp"),
        ("Data", str(settings.data_dir.absolute())),
    ]
    lines = "\n".join(f"  {name:<14}{value}" for name, value in rows)
    about_link = "The log-in link works once. " if link else ""
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


def _login_advice(settings: Settings) -> str:
    if owner_token(settings) is None:
        return "run `dynavera login` where the owner's token is, or set DYNAVERA_TOKEN (the API's log says why)"
    return "run `dynavera login` for a link"
