"""What the files for a Temporal cluster must agree on; there is no docker in the tests."""

from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[1] / "temporal"


@pytest.fixture
def services() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]


def test_every_service_waits_for_one_that_is_there(services: dict[str, Any]) -> None:
    waited_for = {name for service in services.values() for name in service.get("depends_on", {})}

    assert waited_for <= set(services)
    assert all("healthcheck" in services[name] or services[name]["restart"] == "on-failure" for name in waited_for)


def test_no_port_is_open_to_other_machines(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_server_and_its_tools_are_of_one_version(services: dict[str, Any]) -> None:
    versions = {
        service["image"].split(":")[1] for service in services.values() if "temporalio/ui" not in service["image"]
    }

    assert versions == {"16", "1.32.0"}


def test_the_server_is_told_the_file_that_is_mounted(services: dict[str, Any]) -> None:
    server = services["temporal"]
    source, target, _ = server["volumes"][0].split(":")

    told = Path(server["environment"]["DYNAMIC_CONFIG_FILE_PATH"])

    assert told.parent == Path(target)
    assert (FOLDER / source / told.name).is_file()


@pytest.mark.parametrize("name", ["cluster.yaml", "development.yaml"])
def test_a_dynamic_config_gives_each_key_one_value(name: str) -> None:
    values = yaml.safe_load((FOLDER / "dynamic-config" / name).read_text())

    assert all(len(constraints) == 1 and set(constraints[0]) == {"value"} for constraints in values.values())
