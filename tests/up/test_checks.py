import socket
from pathlib import Path

import pytest

from dynavera.settings import Settings
from dynavera.startup import CannotStart
from dynavera.up.checks import check_ports, check_ui, only_one
from tests.serving import free_port


def test_a_port_that_is_taken_is_refused_with_the_setting_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(
            CannotStart, match=rf"^Port {port} is in use by another program: set DYNAVERA_PORT to a free"
        ):
            check_ports(Settings(port=port), temporal=False, mcp=False)


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("mcp_port", "DYNAVERA_MCP_PORT"),
        ("temporal_port", "DYNAVERA_TEMPORAL_PORT"),
        ("temporal_ui_port", "DYNAVERA_TEMPORAL_UI_PORT"),
    ],
)
def test_each_port_is_looked_at(field: str, name: str) -> None:
    ports = {wanted: free_port() for wanted in ("port", "mcp_port", "temporal_port", "temporal_ui_port")}
    check_ports(Settings.model_validate(ports), temporal=True, mcp=True)
    with socket.create_server(("127.0.0.1", ports[field])), pytest.raises(CannotStart, match=name):
        check_ports(Settings.model_validate(ports), temporal=True, mcp=True)


def test_a_port_of_a_part_that_somebody_else_runs_does_not_matter() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        check_ports(Settings(port=free_port(), mcp_port=taken, temporal_port=taken), temporal=False, mcp=False)


def test_one_port_for_two_parts_is_refused() -> None:
    settings = Settings(port=free_port(), mcp_port=1)
    settings = settings.model_copy(update={"mcp_port": settings.port})

    with pytest.raises(CannotStart, match=r"^DYNAVERA_PORT and DYNAVERA_MCP_PORT are both"):
        check_ports(settings, temporal=False, mcp=True)


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(CannotStart, match="DYNAVERA_HOST"):
        check_ports(Settings(host="192.0.2.1", port=free_port()), temporal=False, mcp=False)


def test_only_one_up_may_have_a_data_directory(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(CannotStart, match=r"^Another `dynavera up` runs on"), only_one(tmp_path):
        pass

    with only_one(tmp_path):
        pass


def test_a_page_that_is_not_built_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"^The page is not built: run `make ui`\.$"):
        check_ui(tmp_path)
