"""`dynavera models`: which there are, and bringing one here."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from dynavera.cli.failures import CommandFailed, ExitCode
from dynavera.cli.options import Output
from dynavera.cli.output import notes, write_list, write_one
from dynavera.cli.tables import Column
from dynavera.contracts.contract import Contract
from dynavera.models.catalogue import CatalogueAway, CatalogueModel, UnknownModel, find, read_catalogue
from dynavera.models.download import DownloadBrokeOff, DownloadFailed, Progress, download
from dynavera.models.installed import generator_of, installed
from dynavera.settings import Settings
from dynavera.startup import CannotStart, ensure_data_dir

COLUMNS = (
    Column("File", "file"),
    Column("Size", "size"),
    Column("RAM", "ram"),
    Column("Installed", "installed"),
    Column("Name", "name", may_be_cut=True),
)


class Away(CommandFailed):
    """The catalogue, or where a model comes from, does not answer."""

    exit_code = ExitCode.NOT_REACHABLE


class _Listed(Contract):
    """A model of the catalogue, or one that is installed without being in it."""

    file: str
    name: str | None
    generator: str
    bytes: int
    ram_gb: float | None
    installed: bool


class _Row(Contract):
    """The same for a person."""

    file: str
    name: str | None
    size: str
    ram: str | None
    installed: str | None


def list_models(settings: Settings, output: Output) -> ExitCode:
    """The installed models and those of the catalogue; without the catalogue, the installed ones."""
    try:
        catalogue = read_catalogue(str(settings.models_url))
    except CatalogueAway as error:
        notes().print(f"Only installed models are listed, because the catalogue is away: {error}.")
        catalogue = []
    listed = _listed(settings, catalogue)
    rows = [_row(model) for model in listed] if output is Output.TEXT else listed
    write_list(rows, output, COLUMNS, f"No model is installed in {settings.models_dir}.")
    return ExitCode.DONE


def pull(settings: Settings, name: str, output: Output) -> ExitCode:
    """Bring a model of the catalogue into the data directory."""
    console = notes()
    try:
        model = find(read_catalogue(str(settings.models_url)), name)
        with _progress(model) as progress:
            ensure_data_dir(settings)
            path = download(model, settings.models_dir, progress)
    except CatalogueAway as error:
        raise Away(
            f"The catalogue cannot be read: {error}. Is this machine online? HTTPS_PROXY names a proxy. A model file "
            f"that you have can be copied into {settings.models_dir}."
        ) from error
    except DownloadBrokeOff as error:
        raise Away(str(error)) from error
    except (UnknownModel, DownloadFailed, CannotStart) as error:
        raise CommandFailed(str(error)) from error
    except KeyboardInterrupt:
        console.print("Stopped. Run the command again: it goes on from there.")
        return ExitCode.STOPPED
    generator = generator_of(model.file)
    brought = {"name": model.name, "file": model.file, "path": str(path), "bytes": model.bytes, "generator": generator}
    write_one(brought, output, generator)
    console.print("Choose it for an agent, or for all by DYNAVERA_GENERATOR.")
    if find_spec("gpt4all") is None:
        console.print("GPT4All, which runs it, is not installed here: run `make setup EXTRAS=gpt4all`.")
    return ExitCode.DONE


def _listed(settings: Settings, catalogue: Sequence[CatalogueModel]) -> list[_Listed]:
    here = {model.file: model for model in installed(settings.models_dir)}
    known = {model.file for model in catalogue}
    own = [
        _Listed(
            file=model.file,
            name=None,
            generator=generator_of(model.file),
            bytes=model.bytes,
            ram_gb=None,
            installed=True,
        )
        for model in here.values()
        if model.file not in known
    ]
    others = [
        _Listed(
            file=model.file,
            name=model.name,
            generator=generator_of(model.file),
            bytes=model.bytes,
            ram_gb=model.ram_gb,
            installed=model.file in here,
        )
        for model in catalogue
    ]
    return sorted([*own, *others], key=lambda model: not model.installed)


def _row(model: _Listed) -> _Row:
    return _Row(
        file=model.file,
        name=model.name,
        size=f"{model.bytes / 1e9:.1f} GB" if model.bytes >= 1e8 else f"{model.bytes / 1e6:.1f} MB",
        ram=None if model.ram_gb is None else f"{model.ram_gb:g} GB",
        installed="yes" if model.installed else None,
    )


@contextmanager
def _progress(model: CatalogueModel) -> Generator[Progress]:
    console = notes()
    bar = Bar(
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
        yield lambda done: bar.update(task, completed=done)
