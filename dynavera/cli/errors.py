"""Errors of commands, and their exit codes."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes; scripts depend on them."""

    SUCCESS = 0
    FAILED = 1
    USAGE_ERROR = 2
    NOT_REACHABLE = 3
    STOPPED = 130


class CommandFailed(Exception):
    """A command failed; the message is one sentence for the user."""

    exit_code = ExitCode.FAILED


class UsageError(CommandFailed):
    """The command was called with arguments that make no sense."""

    exit_code = ExitCode.USAGE_ERROR


class NotReachable(CommandFailed):
    """Dynavera does not answer."""

    exit_code = ExitCode.NOT_REACHABLE

    def __init__(self, url: str) -> None:
        super().__init__(f"Dynavera is not reachable at {url}. Start it with `dynavera up`.")
