"""Open files: as many as the system gives, and no more connections than there are files for."""

import resource
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from dynavera.settings import Settings
from dynavera.web.server import server_config
from tests.dynavera.web.wire import Echo

RAISE_LIMIT = """
import resource
from dynavera.open_files import raise_open_files_limit
raise_open_files_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@contextmanager
def open_files(soft: int) -> Generator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("soft", "hard", "raised"), [(256, 1000, 1000), (1000, 1000, 1000)])
def test_a_service_begins_with_as_many_files_as_the_system_gives(soft: int, hard: int, raised: int) -> None:
    limited = f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$0" -c "$1"'

    said = subprocess.run(
        ["sh", "-c", limited, sys.executable, RAISE_LIMIT], capture_output=True, text=True, check=True
    )

    assert said.stdout.split() == [str(raised), str(hard)]


@pytest.mark.parametrize(("files", "wanted", "connections"), [(1024, 5000, 768), (256, 5000, 128), (1024, 100, 100)])
def test_there_are_no_more_connections_than_files(files: int, wanted: int, connections: int) -> None:
    with open_files(files):
        config = server_config(Echo(), Settings(max_connections=wanted), grace_seconds=1)

    assert config.limit_concurrency == connections
