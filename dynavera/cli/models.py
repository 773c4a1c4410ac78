"""`dynavera models`: list and download GPT4All models."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as ProgressBar

from dynavera.cli.errors import CommandFailed, ExitCode
from dynavera.cli.options import Output
from dynavera.cli.output import stderr_console, write_list, write_one
from dynavera.cli.tables import Column
from dynavera.contracts.contract import Contract
from dynavera.models.catalogue import CatalogueModel, CatalogueUnreachable, UnknownModel, find, read_catalogue
from dynavera.models.download import DownloadFailed, DownloadInterrupted, Progress, download
from dynavera.models.installed import generator_name, installed_models
from dynavera.models.model_file import reason_against
from dynavera.settings import Settings
from dynavera.startup import CannotStart, ensure_data_dir

COLUMNS = (
    Column("File", "file"),
    Column("Size", "size"),
    Column("RAM", "ram"),
    Column("Installed", "installed"),
    Column("Name", "name", can_truncate=True),
)


class ServerUnreachable(CommandFailed):
    """The server of the catalogue or of a model does not answer."""

    exit_code = ExitCode.NOT_REACHABLE


class _Listed(Contract):
    """A model in the catalogue, or an installed one that is not in it."""

    file: str
    name: str | None
    generator: str
    bytes: int
    ram_gb: float | None
    installed: bool
    problem: str | None = None


class _Row(Contract):
    """The same, formatted for people."""

    file: str
    name: str | None
    size: str
    ram: str | None
    installed: str | None


def list_models(settings: Settings, output: Output) -> ExitCode:
    """List the installed models and the catalogue; if the catalogue is unreachable, only the installed ones."""
    try:
        catalogue = read_catalogue(str(settings.models_url))
    except CatalogueUnreachable as error:
        stderr_console().print(f"Listing only installed models, because the catalogue is unreachable: {error}.")
        catalogue = []
    listed = _listed(settings, catalogue)
    rows = [_row(model) for model in listed] if output is Output.TEXT else listed
    write_list(rows, output, COLUMNS, f"No model is installed in {settings.models_dir}.")
    return ExitCode.SUCCESS


def pull(settings: Settings, name: str, output: Output) -> ExitCode:
    """Download a model of the catalogue into the data directory."""
    console = stderr_console()
    try:
        model = find(read_catalogue(str(settings.models_url)), name)
        with _progress(model) as progress:
            ensure_data_dir(settings)
            path = download(model, settings.models_dir, progress)
    except CatalogueUnreachable as error:
        raise ServerUnreachable(
            f"The catalogue cannot be read: {error}. Is this machine online? HTTPS_PROXY sets a proxy. You can also "
            f"copy a model file into {settings.models_dir}."
        ) from error
    except DownloadInterrupted as error:
        raise ServerUnreachable(str(error)) from error
    except (UnknownModel, DownloadFailed, CannotStart) as error:
        raise CommandFailed(str(error)) from error
    except KeyboardInterrupt:
        console.print("Stopped. Run the command again to resume the download.")
        return ExitCode.STOPPED
    generator = generator_name(model.file)
    installed = {
        "name": model.name,
        "file": model.file,
        "path": str(path),
        "bytes": model.bytes,
        "generator": generator,
    }
    write_one(installed, output, generator)
    console.print("Select it for an agent, or for all agents with DYNAVERA_GENERATOR.")
    if find_spec("gpt4all") is None:
        console.print("GPT4All, which runs it, is not installed: run `make setup EXTRAS=gpt4all`.")
    return ExitCode.SUCCESS


def _listed(settings: Settings, catalogue: Sequence[CatalogueModel]) -> list[_Listed]:
    installed = {model.file: model for model in installed_models(settings.models_dir)}
    catalogue_files = {model.file for model in catalogue}
    not_in_catalogue = [
        _Listed(
            file=model.file,
            name=None,
            generator=generator_name(model.file),
            bytes=model.bytes,
            ram_gb=None,
            installed=True,
            problem=reason_against(settings.models_dir / model.file),
        )
        for model in installed.values()
        if model.file not in catalogue_files
    ]
    in_catalogue = [
        _Listed(
            file=model.file,
            name=model.name,
            generator=generator_name(model.file),
            bytes=model.bytes,
            ram_gb=model.ram_gb,
            installed=model.file in installed,
            problem=reason_against(settings.models_dir / model.file) if model.file in installed else None,
        )
        for model in catalogue
    ]
    return sorted([*not_in_catalogue, *in_catalogue], key=lambda model: not model.installed)


def _row(model: _Listed) -> _Row:
    return _Row(
        file=model.file,
        name=model.name,
        size=f"{model.bytes / 1e9:.1f} GB" if model.bytes >= 1e8 else f"{model.bytes / 1e6:.1f} MB",
        ram=None if model.ram_gb is None else f"{model.ram_gb:g} GB",
        installed=_installed(model),
    )


def _installed(model: _Listed) -> str | None:
    if model.problem:
        return f"unusable: {model.problem}"
    return "yes" if model.installed else None


@contextmanager
def _progress(model: CatalogueModel) -> Generator[Progress]:
    console = stderr_console()
    bar = ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task(model.file, total=model.bytes)
        yield lambda received: bar.update(task, completed=received)
