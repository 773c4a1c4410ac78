"""Options that several commands share."""

from enum import StrEnum
from typing import Annotated

import typer

from dynavera.cli.parsers import one_of


class Output(StrEnum):
    """Output formats: text for people, JSON for programs."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


class Status(StrEnum):
    """The statuses of an execution."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


class Client(StrEnum):
    """MCP clients whose configuration files are supported."""

    CLAUDE = "claude"
    CURSOR = "cursor"
    VSCODE = "vscode"


class Transport(StrEnum):
    """How an MCP client connects to the service."""

    STDIO = "stdio"
    HTTP = "http"


OutputOption = Annotated[
    Output,
    typer.Option(
        "--output",
        "-o",
        parser=one_of(Output),
        metavar="|".join(Output),
        help="The format of the data on standard output.",
    ),
]
AgentOption = Annotated[str | None, typer.Option("--agent", metavar="NAME|ID", help="The agent's name or id.")]
