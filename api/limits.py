"""Limits of the API that are not settings, in one object that is passed in."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ApiLimits:
    """The defaults are for production; tests pass smaller ones."""

    body_bytes: int = 1024 * 1024
    upload_bytes: int = 100 * 1024 * 1024
    login_bytes: int = 64 * 1024
    """The body of a log-in, which anyone can send."""
