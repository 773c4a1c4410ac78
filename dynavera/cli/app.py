"""The commands and their options; each imports what it needs when it runs, so that `--help` is quick."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from uuid import UUID

import typer

from dynavera.cli import values
from dynavera.cli.failures import CommandFailed, WrongUse
from dynavera.cli.help import Command
from dynavera.cli.options import AgentOption, Client, Output, OutputOption, Status, Transport

if TYPE_CHECKING:
    from dynavera.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
users = typer.Typer(no_args_is_help=True, help="Add and list users. Only the owner may.")
app.add_typer(users, name="users")
models = typer.Typer(no_args_is_help=True, help="Language models that GPT4All runs on this machine.")
app.add_typer(models, name="models")
mcp = typer.Typer(invoke_without_command=True)
app.add_typer(mcp, name="mcp")


def _print_version(is_asked: bool) -> None:  # noqa: FBT001 -- an option of the command line
    if is_asked:
        from importlib.metadata import version

        sys.stdout.write(f"dynavera {version('dynavera')}\n")
        raise typer.Exit


@app.callback()
def dynavera(
    version: Annotated[  # noqa: FBT002 -- an option of the command line, which its callback answers
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Ask AI agents over your own documents, as executions that nothing kills."""


@app.command(cls=Command)
def up() -> None:
    """Start everything this machine needs; Ctrl-C stops it."""
    settings = _settings()
    from dynavera.startup import CannotStart
    from dynavera.up.command import up as run_machine

    try:
        raise typer.Exit(asyncio.run(run_machine(settings, dict(os.environ), _tell)))
    except CannotStart as error:
        raise CommandFailed(str(error)) from error


@app.command(cls=Command)
def api() -> None:
    """Start the API with the page, and nothing else."""
    _become("api")


@app.command(cls=Command)
def worker() -> None:
    """Start a worker, and nothing else."""
    _become("workflows")


@mcp.callback()
def mcp_service(
    context: typer.Context,
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak MCP on standard input and output.")] = False,  # noqa: FBT002 -- an option of the command line
    directory: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Run in this folder: `.env` and the data directory are looked for there."),
    ] = None,
) -> None:
    """Start the MCP service, and nothing else.

    --stdio is for a desktop client that starts it by itself.
    """
    if directory is not None:
        _go_to(directory)
    if context.invoked_subcommand is None:
        _become("mcp_service.stdio" if stdio else "mcp_service")


@mcp.command("config", cls=Command)
def mcp_config(
    client: Annotated[
        Client,
        typer.Option(
            parser=values.one_of(Client), metavar="|".join(Client), help="The program that is to use the knowledge."
        ),
    ],
    transport: Annotated[
        Transport,
        typer.Option(parser=values.one_of(Transport), metavar="|".join(Transport), help="How it reaches the service."),
    ] = Transport.STDIO,
) -> None:
    """Print what another MCP client needs in its configuration."""
    environment = dict(os.environ)
    from dynavera.cli.mcp_config import config

    raise typer.Exit(config(_settings(), environment, client, transport))


@app.command(cls=Command)
def run(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask.")],
    agent: AgentOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Ask an agent, and show the answer and its live log.

    The log goes to standard error, the answer to standard output. Ctrl-C stops the execution.
    """
    from dynavera.cli.run import run as ask

    raise typer.Exit(ask(_settings(), question, agent, output))


@app.command(cls=Command)
def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, or folders with all that is in them.")],
    collection: Annotated[
        str,
        typer.Option(parser=values.collection, metavar="NAME", help="The collection that the documents belong to."),
    ] = "default",
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Leave these out, as a .gitignore would; several times.")
    ] = None,
    prune: Annotated[  # noqa: FBT002 -- an option of the command line
        bool, typer.Option("--prune", help="Forget the collection's documents that are not among them.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Add documents to the knowledge base.

    One of the same name is replaced; one that is there already is not sent again.
    """
    from dynavera.cli.ingest import Order
    from dynavera.cli.ingest import ingest as bring

    order = Order(paths, collection, exclude or (), prune)
    raise typer.Exit(bring(_settings(), order, output))


@app.command(cls=Command)
def reindex(output: OutputOption = Output.TEXT) -> None:
    """Make both search indexes anew from the passages.

    Only the owner may, and nothing can be searched until it is done.
    """
    from dynavera.cli.reindex import reindex as make_anew

    raise typer.Exit(make_anew(_settings(), output))


@app.command(cls=Command)
def agents(output: OutputOption = Output.TEXT) -> None:
    """List the agents."""
    from dynavera.cli import listings

    raise typer.Exit(listings.agents(_settings(), output))


@app.command(cls=Command)
def executions(
    agent: AgentOption = None,
    status: Annotated[
        Status | None,
        typer.Option(parser=values.one_of(Status), metavar="STATUS", help=f"One of {', '.join(Status)}."),
    ] = None,
    limit: Annotated[int, typer.Option(parser=values.at_least_one, metavar="NUMBER", help="How many at most.")] = 20,
    output: OutputOption = Output.TEXT,
) -> None:
    """List executions, the newest first."""
    from dynavera.cli import listings

    raise typer.Exit(listings.executions(_settings(), agent, status, limit, output))


@app.command(cls=Command)
def stop(
    execution_id: Annotated[UUID, typer.Argument(parser=values.execution_id, metavar="ID", help="The execution's id.")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Stop an execution; what it has written so far is kept."""
    from dynavera.cli import listings

    raise typer.Exit(listings.stop(_settings(), execution_id, output))


@app.command(cls=Command)
def login(output: OutputOption = Output.TEXT) -> None:
    """Print a fresh link that logs a browser in, once."""
    from dynavera.cli import listings

    raise typer.Exit(listings.login(_settings(), output))


@app.command(cls=Command)
def doctor(output: OutputOption = Output.TEXT) -> None:
    """Check each part, and say what to do."""
    from dynavera.cli.doctor import doctor as examine

    raise typer.Exit(examine(output))


@users.command("add", cls=Command)
def add_user(
    name: Annotated[str, typer.Argument(parser=values.name, metavar="NAME", help="The new user's name.")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Add a user, and print the new API key, this once."""
    from dynavera.cli import listings

    raise typer.Exit(listings.add_user(_settings(), name, output))


@users.command("list", cls=Command)
def list_users(output: OutputOption = Output.TEXT) -> None:
    """List the users."""
    from dynavera.cli import listings

    raise typer.Exit(listings.list_users(_settings(), output))


@models.command("list", cls=Command)
def list_models(output: OutputOption = Output.TEXT) -> None:
    """List the models that are installed, and those that can be."""
    from dynavera.cli import models as commands

    raise typer.Exit(commands.list_models(_settings(), output))


@models.command("pull", cls=Command)
def pull_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model's name or file in the catalogue.")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Download a model; a download that broke off goes on where it did."""
    from dynavera.cli import models as commands

    raise typer.Exit(commands.pull(_settings(), name, output))


def run_command_line(arguments: list[str]) -> int:
    """Run one command; its exit code, where the command line itself did not end the process."""
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


def _go_to(directory: Path) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise WrongUse(f"{str(directory)!r} cannot be entered: {error.strerror}.") from error


def _tell(line: str) -> None:
    # A terminal that has gone away is no reason to end what runs.
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _become(module: str) -> NoReturn:
    # -P: a folder of that name in the working directory is not ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", module])  # noqa: S606 -- the command is ours
