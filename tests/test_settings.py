import re
from datetime import timedelta
from pathlib import Path

import pytest

from dynavera import settings as settings_module
from dynavera.records.database import Database
from dynavera.settings import BadSettings, Settings, environment_names, load_settings

ROOT = Path(settings_module.__file__).parents[1]
EXAMPLE = ROOT / ".env.example"
OPERATIONS = ROOT / "docs" / "operations.md"
SETTING_LINE = re.compile(r"^#([A-Z][A-Z0-9_]*)=(.*)$")


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment_names():
        # Set before deleting, so that monkeypatch also undoes what a test loads from a file.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def example() -> dict[str, str]:
    matches = [SETTING_LINE.match(line) for line in EXAMPLE.read_text().splitlines()]
    return {match[1]: match[2] for match in matches if match}


def test_example_lists_exactly_all_settings() -> None:
    assert sorted(example()) == sorted(environment_names())


def test_operations_page_lists_every_setting() -> None:
    listed = [line.split("|")[1] for line in OPERATIONS.read_text().splitlines() if line.startswith("| `")]

    assert [name for name in environment_names() if not any(f"`{name}`" in cell for cell in listed)] == []


@pytest.mark.parametrize(("name", "value"), sorted(example().items()))
def test_example_shows_the_default(name: str, value: str) -> None:
    field = environment_names()[name]
    default = Settings.model_fields[field].default

    if value:
        assert getattr(Settings.model_validate({field: value}), field) == default
    else:
        assert default in (None, (), "")


def test_example_explains_every_setting() -> None:
    has_explanation = False
    for line in EXAMPLE.read_text().splitlines():
        if SETTING_LINE.match(line):
            assert has_explanation, f"{line} has no explanation"
        else:
            has_explanation = line.startswith("# ")


def test_unknown_setting_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYNAVERA_PROT", "8000")

    with pytest.raises(BadSettings, match=r"^DYNAVERA_PROT is not a setting\."):
        load_settings(tmp_path / ".env")


@pytest.mark.parametrize("name", ["DYNAVERA_TEMPORAL_ADDRESS", "DYNAVERA_OPENAI_API_KEY"])
def test_setting_with_an_alias_has_no_prefixed_name(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(name, "x")

    with pytest.raises(BadSettings, match=name):
        load_settings(tmp_path / ".env")


def test_invalid_value_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYNAVERA_PORT", "eighty")

    with pytest.raises(BadSettings, match=r"^DYNAVERA_PORT is invalid: "):
        load_settings(tmp_path / ".env")


@pytest.mark.parametrize("value", ["PT0S", "-PT1H"])
def test_duration_that_is_not_positive_is_refused(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYNAVERA_EXECUTION_TIME_LIMIT", value)

    with pytest.raises(BadSettings, match=r"^DYNAVERA_EXECUTION_TIME_LIMIT is invalid: "):
        load_settings(tmp_path / ".env")


@pytest.mark.parametrize("value", ["PT4M59S", "P401D", "30", "-P1D", "0", "thirty days", "P1X", "forever"])
def test_invalid_session_lifetime_is_refused(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYNAVERA_SESSION_LIFETIME", value)

    with pytest.raises(BadSettings, match=r"^DYNAVERA_SESSION_LIFETIME is invalid: write an ISO 8601 duration"):
        load_settings(tmp_path / ".env")


@pytest.mark.parametrize(
    ("value", "lifetime"),
    [
        ("PT5M", timedelta(minutes=5)),
        ("PT8H", timedelta(hours=8)),
        ("12:00:00", timedelta(hours=12)),
        ("P400D", timedelta(days=400)),
    ],
)
def test_session_lifetime_is_parsed(
    value: str, lifetime: timedelta, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DYNAVERA_SESSION_LIFETIME", value)

    assert load_settings(tmp_path / ".env").session_lifetime == lifetime


@pytest.mark.parametrize("name", ["DYNAVERA_TOKEN", "DYNAVERA_MCP_TOKEN"])
def test_blank_secret_is_refused(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(name, "  ")

    with pytest.raises(BadSettings, match=rf"^{name} is invalid: .*blank"):
        load_settings(tmp_path / ".env")


@pytest.mark.parametrize("value", ["foo", "https://", "https://a.example/path", "ftp://a.example", "https://a:99999"])
def test_invalid_origin_is_refused(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYNAVERA_ALLOWED_ORIGINS", f"https://good.example,{value}")

    with pytest.raises(BadSettings, match=r"^DYNAVERA_ALLOWED_ORIGINS is invalid: .*write https://host"):
        load_settings(tmp_path / ".env")


def test_origin_is_normalized(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYNAVERA_ALLOWED_ORIGINS", "https://a.example/, http://[::1]:5173")

    assert load_settings(tmp_path / ".env").allowed_origins == ("https://a.example", "http://[::1]:5173")


@pytest.mark.parametrize("name", ["DYNAVERA_PUBLIC_URL", "DYNAVERA_MCP_PUBLIC_URL"])
@pytest.mark.parametrize("value", ["dynavera.example", "https://a.example/path", "https://a.example?x", "wss://a"])
def test_invalid_public_url_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(BadSettings, match=rf"^{name} is invalid: .*write https://host"):
        load_settings(tmp_path / ".env")


def test_public_url_is_the_pages_url_and_an_allowed_origin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYNAVERA_PUBLIC_URL", "https://dynavera.example/")
    monkeypatch.setenv("DYNAVERA_ALLOWED_ORIGINS", "https://page.example")
    monkeypatch.setenv("DYNAVERA_MCP_PUBLIC_URL", "https://dynavera.example:8443")

    settings = load_settings(tmp_path / ".env")

    assert settings.page_url == "https://dynavera.example"
    assert settings.page_origins == ("https://dynavera.example", "https://page.example")
    assert settings.mcp_client_url == "https://dynavera.example:8443"


def test_public_urls_default_to_this_machine(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / ".env")

    assert settings.page_url == "http://127.0.0.1:8000"
    assert settings.page_origins == ()
    assert settings.mcp_client_url == "http://127.0.0.1:8001"


def test_root_path_has_no_slash_at_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYNAVERA_ROOT_PATH", "/tools/rag/")

    settings = load_settings(tmp_path / ".env")

    assert settings.root_path == "/tools/rag"
    assert settings.page_url == "http://127.0.0.1:8000/tools/rag"


@pytest.mark.parametrize("value", ["rag", "/a b", "//rag", "/rag/../x", "https://a.example/rag", "/rag?x", '/"'])
def test_what_is_not_a_root_path_is_refused(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYNAVERA_ROOT_PATH", value)

    with pytest.raises(BadSettings, match=r"^DYNAVERA_ROOT_PATH is invalid: .*write one such as /rag"):
        load_settings(tmp_path / ".env")


@pytest.mark.parametrize("value", ["/api", "/ws/rag", "/login/"])
def test_root_path_is_no_path_of_the_product(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYNAVERA_ROOT_PATH", value)

    with pytest.raises(BadSettings, match="is a path of Dynavera itself"):
        load_settings(tmp_path / ".env")


@pytest.mark.parametrize("value", ["nginx", "10.0.0.1/8", "10.0.0.256", "10.0.0.1:80"])
def test_invalid_proxy_address_is_refused(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", f"127.0.0.1,{value}")

    with pytest.raises(BadSettings, match=r"^FORWARDED_ALLOW_IPS is invalid: .*write IP addresses"):
        load_settings(tmp_path / ".env")


def test_proxy_addresses_are_parsed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.5, fd00::/8, 192.0.2.0/24")

    assert load_settings(tmp_path / ".env").forwarded_allow_ips == ("10.0.0.5", "fd00::/8", "192.0.2.0/24")


def test_tilde_in_data_dir_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".env").write_text("DYNAVERA_DATA_DIR=~/data\n")

    assert load_settings(tmp_path / ".env").data_dir == tmp_path / "data"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"DYNAVERA_PORT=1\ngarbage line\n", "Line 2 of .*NAME=value"),
        ("DYNAVERA_PORT=1\n".encode("utf-16"), "UTF-8"),
    ],
)
def test_malformed_env_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)

    with pytest.raises(BadSettings, match=message):
        load_settings(tmp_path / ".env")


def test_unreadable_env_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()

    with pytest.raises(BadSettings, match="cannot be read"):
        load_settings(tmp_path / ".env")


def test_environment_takes_precedence_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DYNAVERA_PORT=1111\nDYNAVERA_MCP_PORT=2222\n")
    monkeypatch.setenv("DYNAVERA_PORT", "3333")

    settings = load_settings(tmp_path / ".env")

    assert (settings.port, settings.mcp_port) == (3333, 2222)


def test_mcp_url_has_an_alias(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MCP_AGENT_URL", "http://mcp-agent-server:8001")

    assert load_settings(tmp_path / ".env").mcp_base_url == "http://mcp-agent-server:8001"


def databases_below(folder: Path) -> list[Path]:
    return list(folder.rglob("*.sqlite3"))


@pytest.mark.parametrize("name", ["data", "a?b=c", "h#x", "p%41q", "a b+c", "脑"])
async def test_records_are_in_the_data_directory_whatever_its_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    database = Database(Settings(data_dir=folder).records_url)

    async with database.writing():
        pass
    await database.close()

    assert databases_below(tmp_path) == [folder / "records.sqlite3"]


@pytest.mark.parametrize(
    "address",
    [
        *("localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:x", ":7233", " localhost:7233"),
        *("::1:7233", "http://localhost:7233", "localhost:7233/x", "me@localhost:7233"),
    ],
)
def test_invalid_temporal_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)

    with pytest.raises(BadSettings, match=r"^TEMPORAL_ADDRESS is invalid: write host:port"):
        load_settings(tmp_path / ".env")


@pytest.mark.parametrize("address", ["localhost:7233", "127.0.0.1:1", "[::1]:7233", "eu-1.temporal_x.example:65535"])
def test_valid_temporal_address_is_accepted(address: str) -> None:
    assert Settings.model_validate({"temporal_address": address}).temporal_address == address


@pytest.mark.parametrize(
    "url",
    [
        *("garbage", "postgres://me:secret@db/x", "postgresql://me:secret@db/x", "mysql+asyncmy://me:secret@db/x"),
        *("postgresql+psycopg://me:secret@db/x", "postgresql+asyncpg:/db", "postgresql+asyncpg://me:sec@ret@db/x"),
        *("postgresql+asyncpg://me:secret@db:/x", "postgresql+asyncpg://me:secret@db:99999/x"),
        *("postgresql+asyncpg://me:secret@db:5432x/x", "postgresql+asyncpg://me:secret@db/x?sslmode=require"),
        *("sqlite:///x.sqlite3", "sqlite+aiosqlite://", "sqlite+aiosqlite:///", "sqlite+aiosqlite://host/x"),
    ],
)
def test_invalid_database_url_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DYNAVERA_DATABASE_URL", url)

    with pytest.raises(BadSettings, match=r"^DYNAVERA_DATABASE_URL is invalid: w") as refused:
        load_settings(tmp_path / ".env")

    assert "sec" not in str(refused.value)
    assert "sec" not in str(refused.value.__cause__)


@pytest.mark.parametrize(
    "url",
    [
        *("postgresql+asyncpg://db/x", "postgresql+asyncpg://me@db:5432/x", "postgresql+asyncpg:///x"),
        *("postgresql+asyncpg://me:s#c/r%40t@[::1]:5432/x?ssl=require", "postgresql+asyncpg:///x?host=a:1&host=b:2"),
        *("sqlite+aiosqlite:///x.sqlite3", "sqlite+aiosqlite:////var/lib/x.sqlite3?timeout=5"),
    ],
)
async def test_valid_database_url_is_accepted(url: str) -> None:
    await Database(Settings.model_validate({"database_url": url}).records_url).close()


def test_secrets_are_hidden_in_repr() -> None:
    settings = Settings.model_validate({"token": "dyn_secret", "database_url": "postgresql+asyncpg://me:secret@db/x"})

    assert "secret" not in repr(settings)
