"""Secrets: how they are made, kept in files, and recognised by their digests."""

import hashlib
import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from dynavera.settings import Settings
from dynavera.starting import CannotStart, prepared_data_dir

TOKEN_FILE = "token"  # noqa: S105 -- a file's name
MCP_TOKEN_FILE = "mcp-token"  # noqa: S105 -- a file's name


def new_secret(prefix: str) -> str:
    """A secret of 256 random bits; `prefix` tells a person, and a secret scanner, what it is."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """What is stored of a secret: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def first_user_token(settings: Settings) -> SecretStr:
    """The first user's API key: the setting, or the file in the data directory, made when it is missing.

    Raises:
        CannotStart: the file is blank, or cannot be made.
    """
    return settings.token or _kept(settings, TOKEN_FILE, "dyn")


def mcp_token(settings: Settings) -> SecretStr:
    """What the API and the worker show to the MCP service.

    Raises:
        CannotStart: the file is blank, or cannot be made.
    """
    return settings.mcp_token or _kept(settings, MCP_TOKEN_FILE, "mcp")


def _kept(settings: Settings, name: str, prefix: str) -> SecretStr:
    file = settings.data_dir / name
    try:
        return _read(file)
    except FileNotFoundError:
        file = prepared_data_dir(settings) / name
        # Written whole under a name of its own, then linked: whoever comes second, or after a crash, reads one secret.
        draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(new_secret(prefix) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        try:
            file.hardlink_to(draft)
        except FileExistsError:
            return _read(file)
        finally:
            draft.unlink()
        return _read(file)


def _read(file: Path) -> SecretStr:
    secret = file.read_text().strip()
    if not secret:
        raise CannotStart(
            f"{file.absolute()} is blank: delete it, and a new secret is made, or write the secret into it."
        )
    return SecretStr(secret)
