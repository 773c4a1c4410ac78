import socket
from pathlib import Path

import pytest

from dynavera.settings import Settings
from dynavera.startup import CannotStart
from dynavera.up.preflight import check_page, check_ports, instance_lock
from tests.serving import free_port


def test_used_port_is_refused_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

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
def test_each_port_is_checked(field: str, name: str) -> None:
    ports = {field: free_port() for field in ("port", "mcp_port", "temporal_port", "temporal_ui_port")}
    check_ports(Settings.model_validate(ports), temporal=True, mcp=True)
    with socket.create_server(("127.0.0.1", ports[field])), pytest.raises(CannotStart, match=name):
        check_ports(Settings.model_validate(ports), temporal=True, mcp=True)


def test_ports_of_external_services_are_not_checked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        used_port = server.getsockname()[1]

        check_ports(Settings(port=free_port(), mcp_port=used_port, temporal_port=used_port), temporal=False, mcp=False)


def test_one_port_for_two_processes_is_refused() -> None:
    settings = Settings(port=free_port(), mcp_port=1)
    settings = settings.model_copy(update={"mcp_port": settings.port})

    with pytest.raises(CannotStart, match=r"^DYNAVERA_PORT and DYNAVERA_MCP_PORT are both"):
        check_ports(settings, temporal=False, mcp=True)


def test_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotStart, match="DYNAVERA_HOST"):
        check_ports(Settings(host="192.0.2.1", port=free_port()), temporal=False, mcp=False)


def test_data_directory_can_be_locked_once(tmp_path: Path) -> None:
    locked = pytest.raises(CannotStart, match=r"^Another `dynavera up` runs on")
    with instance_lock(tmp_path), locked, instance_lock(tmp_path):
        pass

    with instance_lock(tmp_path):
        pass


def test_missing_page_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"^The page is not built: run `make ui`\.$"):
        check_page(tmp_path)
