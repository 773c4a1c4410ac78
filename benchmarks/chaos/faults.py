"""The faults of a running instance: each is injected, lasts for a while, and is healed."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.chaos.product import PARTS, PartName, Product
from benchmarks.chaos.proxy import Mode
from dynavera.bus.local import LocalBus
from dynavera.bus.messages import BusMessage
from dynavera.bus.open_bus import FOLDER as BUS_FOLDER

BUS_MESSAGES_KEPT, BUS_NOISE_SECONDS = 500, 0.01
"""Among how many earlier messages one is chosen to be sent again, and how often."""

LOCK = """
import sqlite3, sys, time
records = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
records.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
"""


class Fault(Protocol):
    """Something that goes wrong for a while."""

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        ...

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 if it is over at once, and the product repairs it by itself."""
        ...

    async def inject(self, product: Product) -> None:
        """Start it."""
        ...

    async def heal(self, product: Product) -> None:
        """End it."""
        ...


@dataclass(frozen=True)
class NoFault:
    """No fault, as a baseline."""

    name: str = "none"
    seconds: float = 0.0

    async def inject(self, product: Product) -> None:
        """Do nothing."""

    async def heal(self, product: Product) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Kill:
    """`kill -9` of several parts at the same moment."""

    parts: Sequence[PartName]
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        return "kill all four" if len(self.parts) == len(PARTS) else f"kill {', '.join(self.parts)}"

    async def inject(self, product: Product) -> None:
        """Kill them."""
        for part in self.parts:
            product.signal(part, signal.SIGKILL)

    async def heal(self, product: Product) -> None:
        """Do nothing: their supervisor restarts them."""


@dataclass(frozen=True)
class KillUp:
    """`kill -9` of `dynavera up` itself, with all its processes; then a new start."""

    name: str = "kill up, restart it"
    seconds: float = 0.0

    async def inject(self, product: Product) -> None:
        """Kill it."""
        await product.kill_up()

    async def heal(self, product: Product) -> None:
        """Start it again."""
        await product.start_up()


@dataclass
class Freeze:
    """SIGSTOP of a part, and SIGCONT later."""

    part: PartName
    seconds: float
    _frozen: int | None = None

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        return f"freeze {self.part} {self.seconds:g} s"

    async def inject(self, product: Product) -> None:
        """Freeze it."""
        self._frozen = product.signal(self.part, signal.SIGSTOP)

    async def heal(self, product: Product) -> None:
        """Thaw it."""
        if self._frozen is not None:
            product.signal(self.part, signal.SIGCONT, self._frozen)


@dataclass(frozen=True)
class LinkFault:
    """A faulty link."""

    link: str
    mode: Mode
    seconds: float

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        return f"{self.mode.value} → {self.link} {self.seconds:g} s"

    async def inject(self, product: Product) -> None:
        """Break the link."""
        product.links[self.link].set_mode(self.mode)

    async def heal(self, product: Product) -> None:
        """Repair the link."""
        product.links[self.link].set_mode(Mode.PASS)


@dataclass
class BusNoise:
    """A publisher that sends earlier messages of the event bus again: late, repeated and out of order."""

    seconds: float
    _sending: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        return f"event bus: late, repeated, out of order {self.seconds:g} s"

    async def inject(self, product: Product) -> None:
        """Listen to the bus, and begin to send."""
        self._sending = asyncio.create_task(_repeat_messages(LocalBus(product.data / BUS_FOLDER)))

    async def heal(self, product: Product) -> None:  # noqa: ARG002 -- the protocol's signature
        """Send nothing more."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})


async def _repeat_messages(bus: LocalBus) -> None:
    heard: deque[BusMessage] = deque(maxlen=BUS_MESSAGES_KEPT)
    chance = random.Random(1)
    async with bus.subscribe(heard.append), bus.connecting():
        while True:
            await asyncio.sleep(BUS_NOISE_SECONDS)
            if heard:
                bus.publish(chance.choice(heard))


@dataclass
class BusCut:
    """No worker reaches the API over the event bus: its socket is gone, and the worker starts again without it."""

    seconds: float

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        return f"event bus cut, worker killed {self.seconds:g} s"

    async def inject(self, product: Product) -> None:
        """Remove the sockets, and kill the worker that is connected to them."""
        for file in (product.data / BUS_FOLDER).iterdir():
            file.unlink()
        product.signal("worker", signal.SIGKILL)

    async def heal(self, product: Product) -> None:
        """Kill the API, which makes a new socket when it starts again."""
        product.signal("api", signal.SIGKILL)


@dataclass
class DatabaseLocked:
    """Another process holds the lock of the records."""

    seconds: float
    _process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        return f"database locked {self.seconds:g} s"

    async def inject(self, product: Product) -> None:
        """Take the lock, which may take some time."""
        records = str(product.data / "records.sqlite3")
        command = [sys.executable, "-c", LOCK, records, str(self.seconds + 60)]
        self._process = await asyncio.to_thread(_lock, command)

    async def heal(self, product: Product) -> None:  # noqa: ARG002 -- the protocol's signature
        """Release it, by killing the process."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)


def _lock(command: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    if process.stdout is not None:
        process.stdout.readline()
    return process


@dataclass
class DiskFull:
    """The disk of the data directory is full; only for a separate small file system."""

    seconds: float
    ballast: str = "ballast"
    _written: list[Path] = field(default_factory=list[Path])

    @property
    def name(self) -> str:
        """Its name in the matrix."""
        return f"disk full {self.seconds:g} s"

    async def inject(self, product: Product) -> None:
        """Fill the disk."""
        file = product.data / self.ballast
        self._written.append(file)
        await asyncio.to_thread(_fill, file)

    async def heal(self, product: Product) -> None:  # noqa: ARG002 -- the protocol's signature
        """Free the space."""
        for file in self._written:
            file.unlink(missing_ok=True)
        self._written.clear()


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as ballast:
        for size in (1024 * 1024, 4096, 1):
            with suppress(OSError):
                while True:
                    ballast.write(b"\0" * size)


def can_mount() -> bool:
    """Whether this process may mount a small file system for `DiskFull`."""
    return sys.platform == "linux" and os.geteuid() == 0
