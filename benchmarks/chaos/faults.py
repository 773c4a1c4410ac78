"""What can be done to a running instance: each fault strikes, lasts, and is healed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.chaos.product import PARTS, PartName, Product
from benchmarks.chaos.proxy import Mode

LOCK = """
import sqlite3, sys, time
records = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
records.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
"""


class Fault(Protocol):
    """Something that goes wrong, for a while."""

    @property
    def name(self) -> str:
        """What the matrix calls it."""
        ...

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 for what is over at once, and mended by the product itself."""
        ...

    async def strike(self, product: Product) -> None:
        """Begin."""
        ...

    async def heal(self, product: Product) -> None:
        """End it."""
        ...


@dataclass(frozen=True)
class Nothing:
    """No fault: what everything else is compared with."""

    name: str = "none"
    seconds: float = 0.0

    async def strike(self, product: Product) -> None:
        """Nothing happens."""

    async def heal(self, product: Product) -> None:
        """Nothing has happened."""


@dataclass(frozen=True)
class Kill:
    """`kill -9` of some parts in the same moment."""

    parts: Sequence[PartName]
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """What the matrix calls it."""
        return "kill all four" if len(self.parts) == len(PARTS) else f"kill {', '.join(self.parts)}"

    async def strike(self, product: Product) -> None:
        """Kill them."""
        for part in self.parts:
            product.signal(part, signal.SIGKILL)

    async def heal(self, product: Product) -> None:
        """Whoever watches them starts them again."""


@dataclass(frozen=True)
class KillUp:
    """`kill -9` of `dynavera up` itself, which takes everything along; then it is started again."""

    name: str = "kill up, start again"
    seconds: float = 0.0

    async def strike(self, product: Product) -> None:
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
        """What the matrix calls it."""
        return f"freeze {self.part} {self.seconds:g} s"

    async def strike(self, product: Product) -> None:
        """Freeze it."""
        self._frozen = product.signal(self.part, signal.SIGSTOP)

    async def heal(self, product: Product) -> None:
        """Thaw it."""
        if self._frozen is not None:
            product.signal(self.part, signal.SIGCONT, self._frozen)


@dataclass(frozen=True)
class Cut:
    """A link that misbehaves."""

    link: str
    mode: Mode
    seconds: float

    @property
    def name(self) -> str:
        """What the matrix calls it."""
        return f"{self.mode.value} → {self.link} {self.seconds:g} s"

    async def strike(self, product: Product) -> None:
        """Misbehave."""
        product.links[self.link].turn(self.mode)

    async def heal(self, product: Product) -> None:
        """Behave."""
        product.links[self.link].turn(Mode.PASS)


@dataclass
class DatabaseLocked:
    """Another process holds the lock of the records."""

    seconds: float
    _locking: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """What the matrix calls it."""
        return f"database locked {self.seconds:g} s"

    async def strike(self, product: Product) -> None:
        """Take the lock; it may have to be waited for."""
        records = str(product.data / "records.sqlite3")
        command = [sys.executable, "-c", LOCK, records, str(self.seconds + 60)]
        self._locking = await asyncio.to_thread(_locked, command)

    async def heal(self, product: Product) -> None:  # noqa: ARG002 -- the seam's signature
        """Let go of it, as a process that dies does."""
        if self._locking is not None:
            self._locking.kill()
            await asyncio.to_thread(self._locking.wait)


def _locked(command: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    if process.stdout is not None:
        process.stdout.readline()
    return process


@dataclass
class DiskFull:
    """No room is left where the data directory is; only for a small file system of its own."""

    seconds: float
    ballast: str = "ballast"
    _written: list[Path] = field(default_factory=list[Path])

    @property
    def name(self) -> str:
        """What the matrix calls it."""
        return f"disk full {self.seconds:g} s"

    async def strike(self, product: Product) -> None:
        """Fill it up."""
        file = product.data / self.ballast
        self._written.append(file)
        await asyncio.to_thread(_fill, file)

    async def heal(self, product: Product) -> None:  # noqa: ARG002 -- the seam's signature
        """Make room."""
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
    """Whether this process may make a small file system for `DiskFull`."""
    return sys.platform == "linux" and os.geteuid() == 0
