"""Consistency checks of the files for a Temporal cluster, without Docker."""

from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[1] / "temporal"


@pytest.fixture
def services() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]


def test_dependencies_of_services_exist(services: dict[str, Any]) -> None:
    dependencies = {name for service in services.values() for name in service.get("depends_on", {})}

    assert dependencies <= set(services)
    assert all("healthcheck" in services[name] or services[name]["restart"] == "on-failure" for name in dependencies)


def test_ports_are_bound_to_localhost(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_server_and_tools_have_the_same_version(services: dict[str, Any]) -> None:
    versions = {
        service["image"].split(":")[1] for service in services.values() if "temporalio/ui" not in service["image"]
    }

    assert versions == {"16", "1.32.0"}


def test_dynamic_config_file_is_mounted(services: dict[str, Any]) -> None:
    server = services["temporal"]
    source, target, _ = server["volumes"][0].split(":")

    config_path = Path(server["environment"]["DYNAMIC_CONFIG_FILE_PATH"])

    assert config_path.parent == Path(target)
    assert (FOLDER / source / config_path.name).is_file()


@pytest.mark.parametrize("name", ["cluster.yaml", "development.yaml"])
def test_dynamic_config_has_one_value_per_key(name: str) -> None:
    values = yaml.safe_load((FOLDER / "dynamic-config" / name).read_text())

    assert all(len(constraints) == 1 and set(constraints[0]) == {"value"} for constraints in values.values())
