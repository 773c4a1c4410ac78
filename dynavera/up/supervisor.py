"""Starts processes, restarts them when they end, and stops them all."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from dynavera.log_files import LogFiles
from dynavera.startup import CannotStart
from dynavera.up.child_processes import bound_to_this_process
from dynavera.up.pid_files import PidFiles, kill_group
from dynavera.up.process_spec import ProcessSpec, poll_until

Notify: TypeAlias = Callable[[str], None]
"""Shows one line to the person at the terminal."""


class ProcessNotReady(CannotStart):
    """A process did not become ready."""


@dataclass(frozen=True)
class RestartPolicy:
    """Delays and timeouts in seconds, and when to give up."""

    first_delay: float = 0.2
    max_delay: float = 10
    stable_after: float = 30
    """A process that ran this long restarts after the first delay again."""
    ready_timeout: float = 180
    """A first start with a model of several GB is slow."""
    max_failures: int = 2
    """How often a process that has never been ready may fail by itself."""


@dataclass
class _Supervised:
    spec: ProcessSpec
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    failures: int = 0
    log_size: int = 0
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Runs each process in a session of its own, so that Ctrl-C reaches only `up`."""

    def __init__(self, pids: PidFiles, logs: LogFiles, notify: Notify, policy: RestartPolicy | None = None) -> None:
        self._pids = pids
        self._logs = logs
        self._notify = notify
        self._policy = policy or RestartPolicy()
        self._supervised: dict[str, _Supervised] = {}
        self._stopping: set[str] = set()

    async def start(self, spec: ProcessSpec) -> None:
        """Start a process and keep it running; returns when it is ready.

        Raises:
            ProcessNotReady: it keeps failing, or is not ready in time.
        """
        supervised = self._supervised[spec.name] = _Supervised(spec, log_size=self._logs.size(spec.name))
        supervised.task = asyncio.create_task(self._keep_running(supervised), name=spec.name)
        probe = asyncio.create_task(poll_until(spec.is_ready))
        try:
            timeout = self._policy.ready_timeout
            await asyncio.wait({supervised.task, probe}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if probe.done():
                probe.result()
        finally:
            probe.cancel()
        if supervised.task.done():
            supervised.task.result()
            raise ProcessNotReady(f"{_capitalized(spec.title)} was stopped before it was ready.")
        if not probe.done():
            raise ProcessNotReady(
                f"{_capitalized(spec.title)} was not ready after {timeout:.0f} s. {self._last_log_line(supervised)}"
            )
        supervised.ready.set()

    async def watch(self) -> None:
        """Wait until a process cannot be kept running any more, and raise its error."""
        done, _ = await asyncio.wait(
            [supervised.task for supervised in self._supervised.values() if supervised.task is not None],
            return_when=asyncio.FIRST_COMPLETED,
        )
        for task in done:
            task.result()

    async def stop(self, *names: str, timeout: float) -> None:
        """Terminate processes in parallel; kill those that take longer than `timeout`."""
        self._stopping.update(names)
        stopping = [self._supervised[name] for name in names if name in self._supervised]
        for supervised in stopping:
            _send_signal(supervised.process, signal.SIGTERM)
            if supervised.process is None and supervised.task is not None:
                supervised.task.cancel()
        tasks = [supervised.task for supervised in stopping if supervised.task is not None]
        if not tasks:
            return
        _, pending = await asyncio.wait(tasks, timeout=timeout)
        if pending:
            for supervised in stopping:
                _send_signal(supervised.process, signal.SIGKILL)
            await asyncio.wait(pending)

    def kill_all(self) -> None:
        """Kill every process at once."""
        self._stopping.update(self._supervised)
        for supervised in self._supervised.values():
            _send_signal(supervised.process, signal.SIGKILL)

    async def _keep_running(self, supervised: _Supervised) -> None:
        spec, delay = supervised.spec, self._policy.first_delay
        clock = asyncio.get_running_loop().time
        while spec.name not in self._stopping:
            started = clock()
            code = await self._run(supervised)
            if spec.name in self._stopping:
                return
            self._count_failure(supervised, code)
            if clock() - started >= self._policy.stable_after:
                delay = self._policy.first_delay
            if supervised.ready.is_set() or code < 0:
                log = self._logs.path(spec.name)
                self._notify(f"{_capitalized(spec.title)} {_describe_exit(code)}; restarting it. Log: {log}")
            await asyncio.sleep(delay)
            delay = min(delay * 2, self._policy.max_delay)

    async def _run(self, supervised: _Supervised) -> int:
        spec = supervised.spec
        spec.before_start()
        with self._logs.open(spec.name) as log:
            supervised.process = process = await asyncio.create_subprocess_exec(
                *bound_to_this_process(spec.command),
                cwd=spec.cwd,
                env=spec.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pids.write(spec, process.pid)
        if spec.name in self._stopping:
            _send_signal(process, signal.SIGTERM)
        try:
            return await process.wait()
        finally:
            supervised.process = None
            # Its own child processes end with it.
            kill_group(process.pid)
            self._pids.remove(spec)

    def _count_failure(self, supervised: _Supervised, code: int) -> None:
        # A process that somebody killed is no reason to give up; one that exits with an error is.
        if supervised.ready.is_set() or code <= 0:
            return
        supervised.failures += 1
        if supervised.failures >= self._policy.max_failures:
            title = _capitalized(supervised.spec.title)
            raise ProcessNotReady(f"{title} does not start. {self._last_log_line(supervised)}")

    def _last_log_line(self, supervised: _Supervised) -> str:
        name = supervised.spec.name
        line = self._logs.last_line(name, supervised.log_size)
        return f"Its last log line: {line} (in {self._logs.path(name)})"


def _send_signal(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if process is not None and process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(number)


def _describe_exit(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _capitalized(title: str) -> str:
    return title[0].upper() + title[1:]
