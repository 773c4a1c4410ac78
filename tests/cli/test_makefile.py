"""Targets of the Makefile, run in a folder with placeholder programs."""

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "uv.lock", "ui/package.json", "ui/package-lock.json")
BUILT = (".uv/bin/uv", ".venv/.synced", "ui/node_modules/.installed", "ui/dist/index.html")
TIMEOUT_SECONDS = 30

KNOWN_MAKE_ERRORS = {b"make: *** wait: No child processes.  Stop.", b"make: *** Waiting for unfinished jobs...."}
"""make rarely prints these: when the signal arrives while it waits, it waits a second time."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for age, names in ((20, SOURCES), (10, BUILT)):
        for name in names:
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            changed = file.stat().st_mtime - age
            os.utime(file, (changed, changed))
    add_program(tmp_path / "uv", 'echo "$@" >> synced')
    return tmp_path


def add_program(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


async def make(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "make",
        f"UV={folder / 'uv'}",
        *arguments,
        cwd=folder,
        # With these variables of an outer make, the inner one would print its folder.
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def sync_arguments(folder: Path, *arguments: str) -> Sequence[str]:
    process = await make(folder, *arguments)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return (folder / "synced").read_text().split()[2:]


async def test_extras_are_installed_and_kept_when_the_lock_changes(folder: Path) -> None:
    first = await sync_arguments(folder, "setup", "EXTRAS=office gpt4all")
    (folder / "synced").unlink()
    (folder / "uv.lock").touch()
    second = await sync_arguments(folder, "setup")

    assert first == second == ["--compile-bytecode", "--extra", "office", "--extra", "gpt4all"]


async def test_ctrl_c_ends_make_up_without_an_error(folder: Path) -> None:
    add_program(
        folder / ".venv/bin/dynavera", "trap 'kill $!; echo stopped; exit 130' INT; sleep 30 & echo ready; wait"
    )
    process = await make(folder, "up")
    assert process.stdout is not None

    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert await process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGINT)
        out, err = await process.communicate()

    assert out == b"stopped\n"
    assert set(err.splitlines()) <= KNOWN_MAKE_ERRORS
    assert err or process.returncode in (0, -signal.SIGINT)
