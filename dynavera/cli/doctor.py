"""`dynavera doctor`: look at each part, and say what to do."""

import json
import shutil
import subprocess
from collections.abc import Callable
from http import HTTPStatus

import httpx
from pydantic import SecretStr, ValidationError

from dynavera.cli.client import NoToken, api_key
from dynavera.cli.failures import ExitCode
from dynavera.cli.options import Output
from dynavera.cli.output import printable, write
from dynavera.contracts.contract import Contract
from dynavera.contracts.system import Health, McpHealth, Problem, System
from dynavera.credentials import TOKEN_FILE
from dynavera.settings import BadSettings, Settings, load_settings
from dynavera.startup import CannotStart, ensure_data_dir
from dynavera.up.preflight import check_page
from dynavera.up.temporal_server import find_binary

SMALLEST_FREE_BYTES = 500 * 1024 * 1024


class Finding(Contract):
    """What was looked at, whether it is well, and what was seen or is to be done."""

    name: str
    ok: bool
    detail: str


class _Trouble(Exception):
    """Something is not as it should be; the message says what to do."""


def doctor(output: Output) -> ExitCode:
    """Examine everything, whether it runs or not."""
    try:
        settings = load_settings()
    except BadSettings as error:
        findings = [Finding(name="settings", ok=False, detail=str(error))]
    else:
        findings = [Finding(name="settings", ok=True, detail="can be read"), *_examined(settings)]
    _write(findings, output)
    return ExitCode.DONE if all(finding.ok for finding in findings) else ExitCode.FAILED


def _examined(settings: Settings) -> list[Finding]:
    examinations: dict[str, Callable[[Settings], str]] = {
        "data directory": _data_dir,
        "API key": _key,
        "page": _page,
        "temporal command": _temporal_command,
        "MCP service": _mcp_service,
        "API": _api,
        "database": _check_of("database"),
        "Temporal": _check_of("temporal"),
        "worker": _check_of("worker"),
        "generator and embedder": _models,
    }
    return [_finding(name, examine, settings) for name, examine in examinations.items()]


def _finding(name: str, examine: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=examine(settings))
    except (_Trouble, CannotStart, NoToken) as trouble:
        return Finding(name=name, ok=False, detail=str(trouble))


def _data_dir(settings: Settings) -> str:
    folder = settings.data_dir.absolute()
    if not folder.exists():
        raise _Trouble(f"{folder} is not there yet: start `dynavera up` once, or set DYNAVERA_DATA_DIR.")
    free = shutil.disk_usage(ensure_data_dir(settings)).free
    if free < SMALLEST_FREE_BYTES:
        raise _Trouble(f"Only {free // 2**20} MiB are free for {folder}: make room.")
    return f"{folder}, {free / 2**30:.1f} GiB free"


def _key(settings: Settings) -> str:
    key = api_key(settings)
    place = "DYNAVERA_TOKEN" if settings.token else f"{settings.data_dir.absolute() / TOKEN_FILE}"
    try:
        said = _asked(f"{settings.api_base_url}/api/me", key)
    except httpx.TransportError:
        return f"from {place}, not tried: the API does not answer"
    if said.status_code == HTTPStatus.UNAUTHORIZED:
        other = (
            "unset it: the data directory has the owner's" if settings.token else "set DYNAVERA_TOKEN to one that is"
        )
        raise _Trouble(f"The key in {place} is not accepted: {other}.")
    return f"from {place}"


def _page(_settings: Settings) -> str:
    check_page()
    return "built"


def _temporal_command(settings: Settings) -> str:
    if settings.temporal_address is not None:
        return f"not needed: TEMPORAL_ADDRESS is {settings.temporal_address}"
    binary = find_binary(settings)
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise _Trouble(f"{binary} does not run ({error}): `make setup`, or set DYNAVERA_TEMPORAL_BINARY.") from error
    return said.stdout.strip()


def _mcp_service(settings: Settings) -> str:
    content = _got(f"{settings.mcp_base_url}/health", "the MCP service", _to_set(settings, "MCP"))
    try:
        health = McpHealth.model_validate_json(content)
    except ValidationError as error:
        raise _Trouble(f"What answers at {settings.mcp_base_url} is no MCP service of Dynavera.") from error
    return f"{settings.mcp_base_url}, {health.documents} documents, {health.passages} passages"


def _api(settings: Settings) -> str:
    _health(settings)
    return settings.api_base_url


def _check_of(name: str) -> Callable[[Settings], str]:
    def examine(settings: Settings) -> str:
        check = getattr(_health(settings).checks, name)
        if check.status != "ok":
            raise _Trouble(f"{check.detail} See {settings.data_dir.absolute() / 'logs'}.")
        return check.detail or "ok"

    return examine


def _models(settings: Settings) -> str:
    content = _got(f"{settings.api_base_url}/api/system", "the API", "run `dynavera up`", api_key(settings))
    try:
        system = System.model_validate_json(content)
    except ValidationError as error:
        raise _Trouble(f"The API does not say which they are: {_reason(content)}") from error
    if system.generator is None or system.embedder is None:
        raise _Trouble("The MCP service does not say which they are: see its log.")
    return f"{system.generator}, {system.embedder}"


def _reason(content: bytes) -> str:
    try:
        return Problem.model_validate_json(content).detail
    except ValidationError:
        return "what answers is not Dynavera. Set DYNAVERA_PORT."


def _health(settings: Settings) -> Health:
    content = _got(f"{settings.api_base_url}/api/health", "the API", "run `dynavera up`")
    try:
        return Health.model_validate_json(content)
    except ValidationError as error:
        raise _Trouble(f"What answers at {settings.api_base_url} is not Dynavera: set DYNAVERA_PORT.") from error


def _got(url: str, title: str, advice: str, key: SecretStr | None = None) -> bytes:
    try:
        return _asked(url, key).content
    except httpx.TransportError as error:
        raise _Trouble(f"Nothing answers at {url} for {title}: {advice}.") from error


def _asked(url: str, key: SecretStr | None) -> httpx.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
    return httpx.get(url, headers=headers, timeout=10, trust_env=False)


def _to_set(settings: Settings, name: str) -> str:
    return f"see DYNAVERA_{name}_URL" if settings.mcp_url is not None else "run `dynavera up`"


def _write(findings: list[Finding], output: Output) -> None:
    match output:
        case Output.JSON:
            write(json.dumps([finding.model_dump() for finding in findings], ensure_ascii=False, indent=2))
        case Output.JSONL:
            for finding in findings:
                write(finding.model_dump_json())
        case Output.TEXT:
            for finding in findings:
                write(printable(f"{'ok   ' if finding.ok else 'wrong'}  {finding.name:<24}{finding.detail}"))
