"""Logging, configured once per process: one line per record, to standard error, without secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import structlog
from structlog.typing import Processor

from dynavera.settings import Settings

HIDDEN = "[hidden]"
VERBOSE_LIBRARIES = (
    "alembic",
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "mcp",
    "chromadb",
    "websockets",
)
"""Libraries that log every request at level `info`."""

_SECRETS = (
    # credentials.new_secret: a prefix, then 256 bits.
    re.compile(r"()\b(?:dyn|mcp|ses|in)_[A-Za-z0-9_-]{40,}"),
    re.compile(r"(\bsk-)[A-Za-z0-9_-]{16,}"),
    re.compile(r"(?i)(\bbearer +)[^\s\"',}]+"),
    re.compile(r"(?i)([?&](?:code|token|api[_-]?key)=)[^&\s\"']+"),
    re.compile(r"(://)[^/@\s\"']+:[^/@\s\"']+(?=@)"),
)
_SECRET_FIELDS = frozenset({"authorization", "cookie", "set-cookie", "password", "secret", "token", "api_key"})
_PROBLEM_CODE = re.compile(r"(?!in_)[a-z][a-z0-9_]{0,63}")
"""An error code such as `mcp_away`. A log-in code, in a field of the same name, starts with `in_`."""


def configure(settings: Settings) -> None:
    """Send the log records of structlog and of the standard library to standard error.

    Pass `log_config=None` to uvicorn, so that its records go the same way.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    logging.captureWarnings(capture=True)
    for name in VERBOSE_LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG if settings.log_level == "debug" else logging.WARNING)


def formatter() -> logging.Formatter:
    """Formats a record as one line of `key=value`, without secrets."""
    return _OneLineFormatter(
        foreign_pre_chain=_shared_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _hide_secret_fields,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "logger", "event"], bool_as_flag=False
            ),
        ],
    )


def without_secrets(text: str) -> str:
    """`text` with everything that looks like a credential replaced."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{HIDDEN}", text)
    return text


class _OneLineFormatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ExtraAdder(),
        _printable_keys,
        _without_colours,
    ]


def _printable_keys(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # A library may log a field with a space in its name. logfmt raises for that, and a log call must never raise.
    return {re.sub(r"[\s=\"]+", "_", key): value for key, value in event.items()}


def _without_colours(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # uvicorn adds its message again, with escape codes for a terminal.
    event.pop("color_message", None)
    return event


def _hide_secret_fields(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if _is_secret(key, value):
            event[key] = HIDDEN
        elif isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            event[key] = {name: HIDDEN if _is_secret(name, item) else item for name, item in fields.items()}
    return event


def _is_secret(name: str, value: object) -> bool:
    if name.lower() == "code":
        is_problem_code = isinstance(value, str) and _PROBLEM_CODE.fullmatch(value) is not None
        return not (is_problem_code or value is None or isinstance(value, int))
    return name.lower() in _SECRET_FIELDS
