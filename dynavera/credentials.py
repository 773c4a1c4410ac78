"""Secrets: how they are made, kept in files, and recognised by their digests."""

import hashlib
import os
import secrets
from pathlib import Path
from uuid import UUID, uuid4

from pydantic import SecretStr

from dynavera.settings import Settings
from dynavera.starting import CannotStart, prepared_data_dir

TOKEN_FILE = "token"  # noqa: S105 -- a file's name
MCP_TOKEN_FILE = "mcp-token"  # noqa: S105 -- a file's name
INSTANCE_FILE = "instance"

_MISSING = (FileNotFoundError, NotADirectoryError)


def new_secret(prefix: str) -> str:
    """A secret of 256 random bits; `prefix` tells a person, and a secret scanner, what it is."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """What is stored of a secret: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def token_file(settings: Settings) -> Path:
    """Where the owner's token is kept, unless it is a setting."""
    return settings.data_dir.absolute() / TOKEN_FILE


def owner_token(settings: Settings) -> SecretStr | None:
    """The owner's API key as this process has it: the setting, else the file's; None without either.

    Raises:
        CannotStart: the file is blank.
    """
    return settings.token or token_in_file(settings)


def token_in_file(settings: Settings) -> SecretStr | None:
    """The token in the data directory's file; None when there is no file.

    Raises:
        CannotStart: the file is blank, or cannot be read.
    """
    try:
        return SecretStr(_read(token_file(settings)))
    except _MISSING:
        return None


def made_token(settings: Settings) -> SecretStr:
    """A new token in the data directory's file; the one that is there, if another process came first.

    Raises:
        CannotStart: the file cannot be made.
    """
    return SecretStr(_kept(settings, TOKEN_FILE, new_secret("dyn")))


def instance_id(settings: Settings) -> UUID:
    """The id of the data directory, made when it is missing.

    Raises:
        CannotStart: it cannot be made, or the file holds something else.
    """
    said = _kept(settings, INSTANCE_FILE, str(uuid4()))
    try:
        return UUID(said)
    except ValueError as error:
        file = settings.data_dir.absolute() / INSTANCE_FILE
        raise CannotStart(f"{file} does not hold a UUID: restore it from a backup, or delete it.") from error


def mcp_token(settings: Settings) -> SecretStr:
    """What the API and the worker show to the MCP service.

    Raises:
        CannotStart: the file is blank, or cannot be made.
    """
    return settings.mcp_token or SecretStr(_kept(settings, MCP_TOKEN_FILE, new_secret("mcp")))


def _kept(settings: Settings, name: str, new: str) -> str:
    """What the data directory's file `name` holds: `new`, when there was none."""
    file = settings.data_dir / name
    try:
        return _read(file)
    except _MISSING:
        file = prepared_data_dir(settings) / name
        # Written whole under a name of its own, then linked: whoever comes second, or after a crash, reads one text.
        draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(new + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        try:
            file.hardlink_to(draft)
        except FileExistsError:
            return _read(file)
        finally:
            draft.unlink()
        return _read(file)


def _read(file: Path) -> str:
    try:
        content = file.read_text().strip()
    except _MISSING:
        raise
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CannotStart(f"{file.absolute()} cannot be read ({why}): make it readable, or delete it.") from error
    if not content:
        raise CannotStart(f"{file.absolute()} is blank: restore what was in it, or delete it.")
    return content
