import json
from typing import Any

import pytest

from tests.cli.conftest import CommandLine

SECRETS = {
    "DYNAVERA_TOKEN": "dyn_hidden",
    "OPENAI_API_KEY": "sk-hidden",
    "DYNAVERA_DATABASE_URL": "postgresql+asyncpg://u:hidden@h/d",
}


def entry(out: str, key: str = "mcpServers") -> dict[str, Any]:
    return json.loads(out)[key]["dynavera"]


@pytest.mark.parametrize(("client", "key"), [("claude", "mcpServers"), ("cursor", "mcpServers"), ("vscode", "servers")])
async def test_the_entry_starts_the_command_by_its_full_path_on_the_same_data(
    nobody_there: CommandLine, client: str, key: str
) -> None:
    ended = await nobody_there("mcp", "config", "--client", client)

    given = entry(ended.out, key)
    assert ended.code == 0
    assert given["command"].startswith("/")
    assert given["args"] == ["mcp", "--stdio"]
    assert given["env"]["DYNAVERA_DATA_DIR"].startswith("/")
    assert given.get("type") == ("stdio" if client == "vscode" else None)
    assert ended.err.startswith("Paste it into ")


async def test_settings_of_the_environment_are_kept_and_secrets_are_not(nobody_there: CommandLine) -> None:
    ended = await nobody_there("mcp", "config", "--client", "cursor", DYNAVERA_EMBEDDER="wordllama", **SECRETS)

    assert entry(ended.out)["env"]["DYNAVERA_EMBEDDER"] == "wordllama"
    assert "hidden" not in ended.out + ended.err
    assert all(f"{name} is a secret and was left out" in ended.err for name in SECRETS)


async def test_what_is_in_a_file_stays_there_and_is_found_by_its_folder(nobody_there: CommandLine) -> None:
    (nobody_there.folder / ".env").write_text("OPENAI_API_KEY=sk-hidden\nDYNAVERA_EMBEDDER=wordllama\n")

    ended = await nobody_there("mcp", "config", "--client", "claude")

    given = entry(ended.out)
    assert given["args"] == ["mcp", "--stdio", "--directory", str(nobody_there.folder)]
    assert "DYNAVERA_EMBEDDER" not in given["env"]
    assert "hidden" not in ended.out + ended.err


async def test_over_http_the_key_is_asked_for_and_not_written(nobody_there: CommandLine) -> None:
    arguments = ("mcp", "config", "--transport", "http", "--client")

    vscode = await nobody_there(*arguments, "vscode", DYNAVERA_MCP_PORT="9001", **SECRETS)
    cursor = await nobody_there(*arguments, "cursor", DYNAVERA_MCP_PORT="9001", **SECRETS)
    claude = await nobody_there(*arguments, "claude")

    asked = json.loads(vscode.out)["inputs"][0]
    assert entry(vscode.out, "servers")["url"] == entry(cursor.out)["url"] == "http://127.0.0.1:9001/mcp"
    assert entry(vscode.out, "servers")["headers"]["Authorization"] == f"Bearer ${{input:{asked['id']}}}"
    assert asked["password"] is True
    assert entry(cursor.out)["headers"]["Authorization"] == "Bearer ${env:DYNAVERA_TOKEN}"
    assert "hidden" not in vscode.out + cursor.out
    assert (claude.code, claude.out) == (2, "")


@pytest.mark.parametrize(
    "arguments", [("config",), ("config", "--client", "emacs"), ("--directory", "/no/such/folder")]
)
async def test_wrong_use_of_mcp_is_exit_code_2(nobody_there: CommandLine, arguments: tuple[str, ...]) -> None:
    ended = await nobody_there("mcp", *arguments)

    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err
