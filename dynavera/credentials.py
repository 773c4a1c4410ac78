"""Secrets: generated, stored in files, and recognised by their digests."""

import hashlib
import os
import secrets
from pathlib import Path
from uuid import UUID, uuid4

from pydantic import SecretStr

from dynavera.settings import Settings
from dynavera.startup import CannotStart, ensure_data_dir

TOKEN_FILE = "token"  # noqa: S105 -- a file's name
MCP_TOKEN_FILE = "mcp-token"  # noqa: S105 -- a file's name
INSTANCE_FILE = "instance"

_MISSING = (FileNotFoundError, NotADirectoryError)


def new_secret(prefix: str) -> str:
    """A secret of 256 random bits; `prefix` shows people and secret scanners what it is."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """The digest that is stored instead of a secret: plain SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def token_file(settings: Settings) -> Path:
    """The file of the owner's token; not used when DYNAVERA_TOKEN is set."""
    return settings.data_dir.absolute() / TOKEN_FILE


def owner_token(settings: Settings) -> SecretStr | None:
    """The owner's API key in this process: from the setting, else from the file, else None.

    Raises:
        CannotStart: the file is blank, or cannot be read.
    """
    return settings.token or token_in_file(settings)


def token_in_file(settings: Settings) -> SecretStr | None:
    """The token in the data directory's file; None if there is no file.

    Raises:
        CannotStart: the file is blank, or cannot be read.
    """
    try:
        return SecretStr(_read(token_file(settings)))
    except _MISSING:
        return None


def create_token(settings: Settings) -> SecretStr:
    """Create the token file; the token in it, which is another one if another process was faster.

    Raises:
        CannotStart: the file cannot be created.
    """
    return SecretStr(_read_or_create(settings, TOKEN_FILE, new_secret("dyn")))


def instance_id(settings: Settings) -> UUID:
    """The id of the data directory, created when it is missing.

    Raises:
        CannotStart: the file cannot be created, or does not hold a UUID.
    """
    text = _read_or_create(settings, INSTANCE_FILE, str(uuid4()))
    try:
        return UUID(text)
    except ValueError as error:
        file = settings.data_dir.absolute() / INSTANCE_FILE
        raise CannotStart(f"{file} does not hold a UUID: restore it from a backup, or delete it.") from error


def mcp_token(settings: Settings) -> SecretStr:
    """The service token with which the API and the worker call the MCP service.

    Raises:
        CannotStart: the file is blank, or cannot be created.
    """
    return settings.mcp_token or SecretStr(_read_or_create(settings, MCP_TOKEN_FILE, new_secret("mcp")))


def _read_or_create(settings: Settings, name: str, new: str) -> str:
    """The content of the data directory's file `name`, which is created with `new` if it is missing."""
    file = settings.data_dir / name
    try:
        return _read(file)
    except _MISSING:
        file = ensure_data_dir(settings) / name
        # Written completely under another name, then linked: a concurrent or later process never reads a partial file.
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
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CannotStart(f"{file.absolute()} cannot be read ({reason}): make it readable, or delete it.") from error
    if not content:
        raise CannotStart(f"{file.absolute()} is blank: restore its content, or delete it.")
    return content
