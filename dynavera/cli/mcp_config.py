"""`dynavera mcp config`: what to paste into another program so that it can use the knowledge."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr

from dynavera.cli.failures import ExitCode, WrongUse
from dynavera.cli.options import Client, Transport
from dynavera.cli.output import notes, write
from dynavera.settings import Settings, environment_names

NAME = "dynavera"
NAMES = environment_names()
SECRETS = [
    name
    for name, field in NAMES.items()
    if SecretStr in (annotation := Settings.model_fields[field].annotation, *get_args(annotation))
]
"""Settings that are not written into another program's file."""


@dataclass(frozen=True)
class _Place:
    """Where a client keeps its servers, and under which key."""

    file: str
    key: str


PLACES = {
    Client.CLAUDE: _Place(
        "~/Library/Application Support/Claude/claude_desktop_config.json (macOS) or "
        "~/.config/Claude/claude_desktop_config.json (Linux)",
        "mcpServers",
    ),
    Client.CURSOR: _Place("~/.cursor/mcp.json, or .cursor/mcp.json in a project", "mcpServers"),
    Client.VSCODE: _Place(".vscode/mcp.json, or the file that `MCP: Open User Configuration` opens", "servers"),
}


def config(settings: Settings, environment: Mapping[str, str], client: Client, transport: Transport) -> ExitCode:
    """Print the entry; where it goes is a note. `environment` is what was there before `.env` was read."""
    entries: dict[Transport, Callable[[], dict[str, Any]]] = {
        Transport.STDIO: lambda: _stdio(settings, environment, client),
        Transport.HTTP: lambda: _http(settings, client),
    }
    entry = entries[transport]()
    write(json.dumps(entry, ensure_ascii=False, indent=2))
    place = PLACES[client]
    note = notes()
    note.print(f"Paste it into {place.file}; where there is a {place.key!r} already, add the entry to it.")
    if transport is Transport.STDIO:
        note.print(
            "It starts by itself, whether `dynavera up` runs or not. No key is in it: the command reads its own from "
            "the data directory."
        )
        for name in left_out(environment):
            note.print(f"{name} is a secret and was left out: write it into {Path.cwd() / '.env'}.")
    return ExitCode.DONE


def left_out(environment: Mapping[str, str]) -> list[str]:
    """The secrets that are set, and would have to be in the entry for it to work alike."""
    return [name for name in SECRETS if environment.get(name)]


def _stdio(settings: Settings, environment: Mapping[str, str], client: Client) -> dict[str, Any]:
    arguments = ["mcp", "--stdio"]
    if (Path.cwd() / ".env").is_file():
        arguments += ["--directory", str(Path.cwd())]
    entry: dict[str, Any] = {"command": str(_command()), "args": arguments, "env": _environment(settings, environment)}
    if client is Client.VSCODE:
        entry = {"type": "stdio", **entry}
    return {PLACES[client].key: {NAME: entry}}


def _environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that were given in the environment, which the other program does not have."""
    given = {name: environment[name] for name in NAMES if environment.get(name) and name not in SECRETS}
    # It is started in another folder, where a relative path would be another one.
    return given | {"DYNAVERA_DATA_DIR": str(settings.data_dir.absolute())}


def _http(settings: Settings, client: Client) -> dict[str, Any]:
    url = f"{settings.mcp_client_url}/mcp"
    match client:
        case Client.CLAUDE:
            raise WrongUse("Claude Desktop's file takes commands only: leave `--transport http` out.")
        case Client.CURSOR:
            headers = {"Authorization": "Bearer ${env:DYNAVERA_TOKEN}"}
            return {"mcpServers": {NAME: {"url": url, "headers": headers}}}
        case Client.VSCODE:
            key = {"type": "promptString", "id": "dynavera-key", "description": "Dynavera API key", "password": True}
            headers = {"Authorization": "Bearer ${input:dynavera-key}"}
            return {"servers": {NAME: {"type": "http", "url": url, "headers": headers}}, "inputs": [key]}


def _command() -> Path:
    """The installed command, by its full path: other programs do not know this environment's."""
    installed = Path(sys.executable).with_name("dynavera")
    return installed if installed.exists() else Path(sys.argv[0]).absolute()
