"""`dynavera doctor`: check each part of the installation, and advise."""

import json
import shutil
import subprocess
from collections.abc import Callable
from http import HTTPStatus

import httpx
from pydantic import SecretStr, ValidationError

from dynavera.cli.client import ApiKeyMissing, api_key
from dynavera.cli.errors import ExitCode
from dynavera.cli.options import Output
from dynavera.cli.output import printable, write
from dynavera.contracts.contract import Contract
from dynavera.contracts.system import Health, McpHealth, Problem, System
from dynavera.credentials import TOKEN_FILE
from dynavera.settings import BadSettings, Settings, load_settings
from dynavera.startup import CannotStart, ensure_data_dir
from dynavera.up.preflight import check_page
from dynavera.up.temporal_server import find_binary

MIN_FREE_BYTES = 500 * 1024 * 1024


class Finding(Contract):
    """The result of one check; `detail` says what was found, or what to do."""

    name: str
    ok: bool
    detail: str


class _CheckFailed(Exception):
    """A check failed; the message says what to do."""


def doctor(output: Output) -> ExitCode:
    """Check everything, whether it runs or not."""
    try:
        settings = load_settings()
    except BadSettings as error:
        findings = [Finding(name="settings", ok=False, detail=str(error))]
    else:
        findings = [Finding(name="settings", ok=True, detail="valid"), *_check_all(settings)]
    _write(findings, output)
    return ExitCode.SUCCESS if all(finding.ok for finding in findings) else ExitCode.FAILED


def _check_all(settings: Settings) -> list[Finding]:
    checks: dict[str, Callable[[Settings], str]] = {
        "data directory": _check_data_dir,
        "API key": _check_api_key,
        "page": _check_page,
        "temporal command": _check_temporal_command,
        "MCP service": _check_mcp_service,
        "API": _check_api,
        "database": _health_check("database"),
        "Temporal": _health_check("temporal"),
        "worker": _health_check("worker"),
        "generator and embedder": _check_models,
    }
    return [_run_check(name, check, settings) for name, check in checks.items()]


def _run_check(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=check(settings))
    except (_CheckFailed, CannotStart, ApiKeyMissing) as error:
        return Finding(name=name, ok=False, detail=str(error))


def _check_data_dir(settings: Settings) -> str:
    folder = settings.data_dir.absolute()
    if not folder.exists():
        raise _CheckFailed(f"{folder} does not exist yet: start `dynavera up` once, or set DYNAVERA_DATA_DIR.")
    free = shutil.disk_usage(ensure_data_dir(settings)).free
    if free < MIN_FREE_BYTES:
        raise _CheckFailed(f"Only {free // 2**20} MiB are free for {folder}: free some disk space.")
    return f"{folder}, {free / 2**30:.1f} GiB free"


def _check_api_key(settings: Settings) -> str:
    key = api_key(settings)
    source = "DYNAVERA_TOKEN" if settings.token else f"{settings.data_dir.absolute() / TOKEN_FILE}"
    try:
        response = _get(f"{settings.api_base_url}/api/me", key)
    except httpx.TransportError:
        return f"from {source}, not tested: the API does not answer"
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        advice = "unset it to use the data directory's token" if settings.token else "set DYNAVERA_TOKEN to a valid one"
        raise _CheckFailed(f"The key in {source} is not accepted: {advice}.")
    return f"from {source}"


def _check_page(_settings: Settings) -> str:
    check_page()
    return "built"


def _check_temporal_command(settings: Settings) -> str:
    if settings.temporal_address is not None:
        return f"not needed: TEMPORAL_ADDRESS is {settings.temporal_address}"
    binary = find_binary(settings)
    try:
        result = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise _CheckFailed(
            f"{binary} does not run ({error}): `make setup`, or set DYNAVERA_TEMPORAL_BINARY."
        ) from error
    return result.stdout.strip()


def _check_mcp_service(settings: Settings) -> str:
    advice = "run `dynavera up`" if settings.mcp_url is None else "see DYNAVERA_MCP_URL"
    content = _get_content(f"{settings.mcp_base_url}/health", "The MCP service", advice)
    try:
        health = McpHealth.model_validate_json(content)
    except ValidationError as error:
        raise _CheckFailed(f"The server at {settings.mcp_base_url} is not Dynavera's MCP service.") from error
    return f"{settings.mcp_base_url}, {health.documents} documents, {health.passages} passages"


def _check_api(settings: Settings) -> str:
    _health(settings)
    return settings.api_base_url


def _health_check(name: str) -> Callable[[Settings], str]:
    def check_health(settings: Settings) -> str:
        check = getattr(_health(settings).checks, name)
        if check.status != "ok":
            raise _CheckFailed(f"{check.detail} See {settings.data_dir.absolute() / 'logs'}.")
        return check.detail or "ok"

    return check_health


def _check_models(settings: Settings) -> str:
    content = _get_content(f"{settings.api_base_url}/api/system", "The API", "run `dynavera up`", api_key(settings))
    try:
        system = System.model_validate_json(content)
    except ValidationError as error:
        raise _CheckFailed(f"The API does not report them: {_reason(content)}") from error
    if system.generator is None or system.embedder is None:
        raise _CheckFailed("The MCP service does not report them: see its log.")
    if system.unusable_models:
        reasons = "; ".join(f"{model.name}: {model.reason}" for model in system.unusable_models)
        raise _CheckFailed(f"These model files cannot be used: {reasons}. Delete them, or download them again.")
    remaining = f" ({system.passages_to_embed:,} more passages to embed)" if system.passages_to_embed else ""
    return f"{system.generator}, {system.embedder}{remaining}"


def _reason(content: bytes) -> str:
    try:
        return Problem.model_validate_json(content).detail
    except ValidationError:
        return "it is not Dynavera. Set DYNAVERA_PORT."


def _health(settings: Settings) -> Health:
    content = _get_content(f"{settings.api_base_url}/api/health", "The API", "run `dynavera up`")
    try:
        return Health.model_validate_json(content)
    except ValidationError as error:
        raise _CheckFailed(f"The server at {settings.api_base_url} is not Dynavera: set DYNAVERA_PORT.") from error


def _get_content(url: str, title: str, advice: str, key: SecretStr | None = None) -> bytes:
    try:
        return _get(url, key).content
    except httpx.TransportError as error:
        raise _CheckFailed(f"{title} does not answer at {url}: {advice}.") from error


def _get(url: str, key: SecretStr | None) -> httpx.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
    return httpx.get(url, headers=headers, timeout=10, trust_env=False)


def _write(findings: list[Finding], output: Output) -> None:
    match output:
        case Output.JSON:
            write(json.dumps([finding.model_dump() for finding in findings], ensure_ascii=False, indent=2))
        case Output.JSONL:
            for finding in findings:
                write(finding.model_dump_json())
        case Output.TEXT:
            for finding in findings:
                write(printable(f"{'ok   ' if finding.ok else 'error'}  {finding.name:<24}{finding.detail}"))
