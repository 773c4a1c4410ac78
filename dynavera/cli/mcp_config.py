"""`dynavera mcp config`: the configuration with which another MCP client uses the knowledge base."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr

from dynavera.cli.errors import ExitCode, UsageError
from dynavera.cli.options import Client, Transport
from dynavera.cli.output import stderr_console, write
from dynavera.settings import Settings, environment_names

SERVER_NAME = "dynavera"
SETTING_FIELDS = environment_names()
SECRETS = [
    name
    for name, field in SETTING_FIELDS.items()
    if SecretStr in (annotation := Settings.model_fields[field].annotation, *get_args(annotation))
]
"""Settings that are not written into a client's configuration file."""


@dataclass(frozen=True)
class _ConfigFile:
    """A client's configuration file, and the key of its servers."""

    path: str
    servers_key: str


CONFIG_FILES = {
    Client.CLAUDE: _ConfigFile(
        "~/Library/Application Support/Claude/claude_desktop_config.json (macOS) or "
        "~/.config/Claude/claude_desktop_config.json (Linux)",
        "mcpServers",
    ),
    Client.CURSOR: _ConfigFile("~/.cursor/mcp.json, or .cursor/mcp.json in a project", "mcpServers"),
    Client.VSCODE: _ConfigFile(".vscode/mcp.json, or the file that `MCP: Open User Configuration` opens", "servers"),
}


def config(settings: Settings, environment: Mapping[str, str], client: Client, transport: Transport) -> ExitCode:
    """Print the entry, and a note where to put it. `environment` is the one from before `.env` was loaded."""
    entries: dict[Transport, Callable[[], dict[str, Any]]] = {
        Transport.STDIO: lambda: _stdio(settings, environment, client),
        Transport.HTTP: lambda: _http(settings, client),
    }
    entry = entries[transport]()
    write(json.dumps(entry, ensure_ascii=False, indent=2))
    file = CONFIG_FILES[client]
    console = stderr_console()
    console.print(f"Paste it into {file.path}. If the file already has {file.servers_key!r}, add the entry to it.")
    if transport is Transport.STDIO:
        console.print(
            "It works whether `dynavera up` runs or not. It contains no API key: the command reads the key from the "
            "data directory."
        )
        for name in omitted_secrets(environment):
            console.print(f"{name} is a secret and was omitted: write it into {Path.cwd() / '.env'}.")
    return ExitCode.SUCCESS


def omitted_secrets(environment: Mapping[str, str]) -> list[str]:
    """The secrets that are set in the environment but omitted from the entry."""
    return [name for name in SECRETS if environment.get(name)]


def _stdio(settings: Settings, environment: Mapping[str, str], client: Client) -> dict[str, Any]:
    arguments = ["mcp", "--stdio"]
    if (Path.cwd() / ".env").is_file():
        arguments += ["--directory", str(Path.cwd())]
    entry: dict[str, Any] = {"command": str(_command()), "args": arguments, "env": _environment(settings, environment)}
    if client is Client.VSCODE:
        entry = {"type": "stdio", **entry}
    return {CONFIG_FILES[client].servers_key: {SERVER_NAME: entry}}


def _environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings from the environment, which the client does not have."""
    given = {name: environment[name] for name in SETTING_FIELDS if environment.get(name) and name not in SECRETS}
    # The client starts it in another folder, so the path must be absolute.
    return given | {"DYNAVERA_DATA_DIR": str(settings.data_dir.absolute())}


def _http(settings: Settings, client: Client) -> dict[str, Any]:
    url = f"{settings.mcp_client_url}/mcp"
    match client:
        case Client.CLAUDE:
            raise UsageError("Claude Desktop's file supports only commands: leave out `--transport http`.")
        case Client.CURSOR:
            headers = {"Authorization": "Bearer ${env:DYNAVERA_TOKEN}"}
            return {"mcpServers": {SERVER_NAME: {"url": url, "headers": headers}}}
        case Client.VSCODE:
            key = {"type": "promptString", "id": "dynavera-key", "description": "Dynavera API key", "password": True}
            headers = {"Authorization": "Bearer ${input:dynavera-key}"}
            return {"servers": {SERVER_NAME: {"type": "http", "url": url, "headers": headers}}, "inputs": [key]}


def _command() -> Path:
    """The full path of the installed command: the client's PATH may not contain this environment."""
    installed = Path(sys.executable).with_name("dynavera")
    return installed if installed.exists() else Path(sys.argv[0]).absolute()
