import json
from typing import Any

import pytest

from tests.cli.conftest import Cli

SECRETS = {
    "DYNAVERA_TOKEN": "dyn_hidden",
    "OPENAI_API_KEY": "sk-hidden",
    "DYNAVERA_DATABASE_URL": "postgresql+asyncpg://u:hidden@h/d",
}


def entry(stdout: str, key: str = "mcpServers") -> dict[str, Any]:
    return json.loads(stdout)[key]["dynavera"]


@pytest.mark.parametrize(("client", "key"), [("claude", "mcpServers"), ("cursor", "mcpServers"), ("vscode", "servers")])
async def test_entry_has_absolute_paths(offline_cli: Cli, client: str, key: str) -> None:
    result = await offline_cli("mcp", "config", "--client", client)

    server = entry(result.stdout, key)
    assert result.exit_code == 0
    assert server["command"].startswith("/")
    assert server["args"] == ["mcp", "--stdio"]
    assert server["env"]["DYNAVERA_DATA_DIR"].startswith("/")
    assert server.get("type") == ("stdio" if client == "vscode" else None)
    assert result.stderr.startswith("Paste it into ")


async def test_entry_contains_settings_but_no_secrets(offline_cli: Cli) -> None:
    result = await offline_cli("mcp", "config", "--client", "cursor", DYNAVERA_EMBEDDER="wordllama", **SECRETS)

    assert entry(result.stdout)["env"]["DYNAVERA_EMBEDDER"] == "wordllama"
    assert "hidden" not in result.stdout + result.stderr
    assert all(f"{name} is a secret and was omitted" in result.stderr for name in SECRETS)


async def test_entry_refers_to_the_folder_of_the_env_file(offline_cli: Cli) -> None:
    (offline_cli.folder / ".env").write_text("OPENAI_API_KEY=sk-hidden\nDYNAVERA_EMBEDDER=wordllama\n")

    result = await offline_cli("mcp", "config", "--client", "claude")

    server = entry(result.stdout)
    assert server["args"] == ["mcp", "--stdio", "--directory", str(offline_cli.folder)]
    assert "DYNAVERA_EMBEDDER" not in server["env"]
    assert "hidden" not in result.stdout + result.stderr


async def test_http_entry_contains_no_api_key(offline_cli: Cli) -> None:
    arguments = ("mcp", "config", "--transport", "http", "--client")

    vscode = await offline_cli(*arguments, "vscode", DYNAVERA_MCP_PORT="9001", **SECRETS)
    cursor = await offline_cli(*arguments, "cursor", DYNAVERA_MCP_PORT="9001", **SECRETS)
    claude = await offline_cli(*arguments, "claude")

    prompt = json.loads(vscode.stdout)["inputs"][0]
    assert entry(vscode.stdout, "servers")["url"] == entry(cursor.stdout)["url"] == "http://127.0.0.1:9001/mcp"
    assert entry(vscode.stdout, "servers")["headers"]["Authorization"] == f"Bearer ${{input:{prompt['id']}}}"
    assert prompt["password"] is True
    assert entry(cursor.stdout)["headers"]["Authorization"] == "Bearer ${env:DYNAVERA_TOKEN}"
    assert "hidden" not in vscode.stdout + cursor.stdout
    assert (claude.exit_code, claude.stdout) == (2, "")


@pytest.mark.parametrize(
    "arguments", [("config",), ("config", "--client", "emacs"), ("--directory", "/no/such/folder")]
)
async def test_invalid_usage_is_exit_code_2(offline_cli: Cli, arguments: tuple[str, ...]) -> None:
    result = await offline_cli("mcp", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
