"""The commands and their options. Each command imports its code when it runs, so that `--help` is fast."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from uuid import UUID

import typer

from dynavera.cli import parsers
from dynavera.cli.errors import CommandFailed, UsageError
from dynavera.cli.help import Command
from dynavera.cli.options import AgentOption, Client, Output, OutputOption, Status, Transport

if TYPE_CHECKING:
    from dynavera.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
users = typer.Typer(no_args_is_help=True, help="Add and list users. Only the owner can do this.")
app.add_typer(users, name="users")
models = typer.Typer(no_args_is_help=True, help="Manage the language models that GPT4All runs on this machine.")
app.add_typer(models, name="models")
mcp = typer.Typer(invoke_without_command=True)
app.add_typer(mcp, name="mcp")


def _print_version(is_requested: bool) -> None:  # noqa: FBT001 -- an option of the command line
    if is_requested:
        from importlib.metadata import version

        sys.stdout.write(f"dynavera {version('dynavera')}\n")
        raise typer.Exit


@app.callback()
def dynavera(
    version: Annotated[  # noqa: FBT002 -- an option of the command line, handled by its callback
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Ask AI agents about your own documents, in executions that survive any crash."""


@app.command(cls=Command)
def up() -> None:
    """Start everything on this machine; Ctrl-C stops it."""
    settings = _settings()
    from dynavera.startup import CannotStart
    from dynavera.up.command import up as run_stack

    try:
        raise typer.Exit(asyncio.run(run_stack(settings, dict(os.environ), _print_notice)))
    except CannotStart as error:
        raise CommandFailed(str(error)) from error


@app.command(cls=Command)
def api() -> None:
    """Start only the API, which also serves the page."""
    _exec_module("api")


@app.command(cls=Command)
def worker() -> None:
    """Start only a worker."""
    _exec_module("workflows")


@mcp.callback()
def mcp_service(
    context: typer.Context,
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak MCP on standard input and output.")] = False,  # noqa: FBT002 -- an option of the command line
    directory: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Run in this folder, with its `.env` and data directory."),
    ] = None,
) -> None:
    """Start only the MCP service.

    --stdio is for desktop clients that start the command themselves.
    """
    if directory is not None:
        _change_directory(directory)
    if context.invoked_subcommand is None:
        _exec_module("mcp_service.stdio" if stdio else "mcp_service")


@mcp.command("config", cls=Command)
def mcp_config(
    client: Annotated[
        Client,
        typer.Option(
            parser=parsers.one_of(Client), metavar="|".join(Client), help="The client that will use the knowledge base."
        ),
    ],
    transport: Annotated[
        Transport,
        typer.Option(parser=parsers.one_of(Transport), metavar="|".join(Transport), help="How it connects."),
    ] = Transport.STDIO,
) -> None:
    """Print the configuration for another MCP client."""
    environment = dict(os.environ)
    from dynavera.cli.mcp_config import config

    raise typer.Exit(config(_settings(), environment, client, transport))


@app.command(cls=Command)
def run(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask.")],
    agent: AgentOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Ask an agent; show the live log and the answer.

    The log goes to standard error, the answer to standard output. Ctrl-C stops the execution.
    """
    from dynavera.cli.run import run as run_agent

    raise typer.Exit(run_agent(_settings(), question, agent, output))


@app.command(cls=Command)
def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, or folders with all their files.")],
    collection: Annotated[
        str,
        typer.Option(parser=parsers.collection, metavar="NAME", help="The collection of the documents."),
    ] = "default",
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Exclude files, as in a .gitignore; can be repeated.")
    ] = None,
    prune: Annotated[  # noqa: FBT002 -- an option of the command line
        bool, typer.Option("--prune", help="Delete the collection's documents that are not among the files.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Add documents to the knowledge base.

    A document with the same name is replaced; unchanged files are not sent again.
    """
    from dynavera.cli.ingest import IngestOptions
    from dynavera.cli.ingest import ingest as run_ingest

    options = IngestOptions(paths, collection, exclude or (), prune)
    raise typer.Exit(run_ingest(_settings(), options, output))


@app.command(cls=Command)
def reindex(output: OutputOption = Output.TEXT) -> None:
    """Rebuild both search indexes from the passages.

    Only the owner can do this. Searches fail until it is finished.
    """
    from dynavera.cli.reindex import reindex as run_reindex

    raise typer.Exit(run_reindex(_settings(), output))


@app.command(cls=Command)
def agents(output: OutputOption = Output.TEXT) -> None:
    """List the agents."""
    from dynavera.cli import simple_commands

    raise typer.Exit(simple_commands.agents(_settings(), output))


@app.command(cls=Command)
def executions(
    agent: AgentOption = None,
    status: Annotated[
        Status | None,
        typer.Option(parser=parsers.one_of(Status), metavar="STATUS", help=f"One of {', '.join(Status)}."),
    ] = None,
    limit: Annotated[int, typer.Option(parser=parsers.positive_int, metavar="NUMBER", help="The maximum number.")] = 20,
    output: OutputOption = Output.TEXT,
) -> None:
    """List executions, newest first."""
    from dynavera.cli import simple_commands

    raise typer.Exit(simple_commands.executions(_settings(), agent, status, limit, output))


@app.command(cls=Command)
def stop(
    execution_id: Annotated[UUID, typer.Argument(parser=parsers.execution_id, metavar="ID", help="The execution.")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Stop an execution; the partial answer is kept."""
    from dynavera.cli import simple_commands

    raise typer.Exit(simple_commands.stop(_settings(), execution_id, output))


@app.command(cls=Command)
def login(output: OutputOption = Output.TEXT) -> None:
    """Print a new log-in link for a browser; it works once."""
    from dynavera.cli import simple_commands

    raise typer.Exit(simple_commands.login(_settings(), output))


@app.command(cls=Command)
def doctor(output: OutputOption = Output.TEXT) -> None:
    """Check each part of the installation, and advise."""
    from dynavera.cli.doctor import doctor as run_checks

    raise typer.Exit(run_checks(output))


@users.command("add", cls=Command)
def add_user(
    name: Annotated[str, typer.Argument(parser=parsers.name, metavar="NAME", help="The new user's name.")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Add a user and print the API key, which is shown only once."""
    from dynavera.cli import simple_commands

    raise typer.Exit(simple_commands.add_user(_settings(), name, output))


@users.command("list", cls=Command)
def list_users(output: OutputOption = Output.TEXT) -> None:
    """List the users."""
    from dynavera.cli import simple_commands

    raise typer.Exit(simple_commands.list_users(_settings(), output))


@models.command("list", cls=Command)
def list_models(output: OutputOption = Output.TEXT) -> None:
    """List the installed models and the catalogue."""
    from dynavera.cli import models as commands

    raise typer.Exit(commands.list_models(_settings(), output))


@models.command("pull", cls=Command)
def pull_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model's name or file in the catalogue.")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Download a model; an interrupted download is resumed."""
    from dynavera.cli import models as commands

    raise typer.Exit(commands.pull(_settings(), name, output))


def run_command_line(arguments: list[str]) -> int:
    """Run one command and return its exit code; some commands end the process themselves."""
    try:
        app(args=arguments, prog_name="dynavera")
    except CommandFailed as error:
        from dynavera.cli.output import printable

        sys.stderr.write(f"{printable(str(error))}\n")
        return error.exit_code
    return 0


def _settings() -> "Settings":
    from dynavera.settings import BadSettings, load_settings

    try:
        return load_settings()
    except BadSettings as error:
        raise CommandFailed(str(error)) from error


def _change_directory(directory: Path) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise UsageError(f"Cannot change to {str(directory)!r}: {error.strerror}.") from error


def _print_notice(line: str) -> None:
    # Losing the terminal must not end what runs.
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _exec_module(module: str) -> NoReturn:
    # -P: do not import a folder of that name in the working directory.
    os.execv(sys.executable, [sys.executable, "-P", "-m", module])  # noqa: S606 -- the command is ours
