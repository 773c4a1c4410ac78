"""The options that several commands have."""

from enum import StrEnum
from typing import Annotated

import typer

from dynavera.cli.values import one_of


class Output(StrEnum):
    """How data is written: for a person, or for a program."""

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
    """MCP clients whose configuration is known."""

    CLAUDE = "claude"
    CURSOR = "cursor"
    VSCODE = "vscode"


class Transport(StrEnum):
    """How an MCP client reaches the service."""

    STDIO = "stdio"
    HTTP = "http"


OutputOption = Annotated[
    Output,
    typer.Option(
        "--output",
        "-o",
        parser=one_of(Output),
        metavar="|".join(Output),
        help="How data is written to standard output.",
    ),
]
AgentOption = Annotated[str | None, typer.Option("--agent", metavar="NAME|ID", help="The agent's name or id.")]
