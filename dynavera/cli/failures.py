"""What a command says and answers when it cannot do what was asked."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended; programs rely on these."""

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    NOT_REACHABLE = 3
    STOPPED = 130


class CommandFailed(Exception):
    """A command could not do what was asked; the message is one sentence for a person."""

    exit_code = ExitCode.FAILED


class WrongUse(CommandFailed):
    """The command was called in a way that makes no sense."""

    exit_code = ExitCode.WRONG_USE


class NotReachable(CommandFailed):
    """Dynavera does not answer."""

    exit_code = ExitCode.NOT_REACHABLE

    def __init__(self, url: str) -> None:
        super().__init__(f"Dynavera is not reachable at {url}. Start it with `dynavera up`.")
