"""What a process needs before anything else; each refusal is one sentence that names what to change."""

import tempfile
from pathlib import Path

from dynavera.settings import Settings


class CannotStart(Exception):
    """A process cannot start; the message names what to change."""


def prepared_data_dir(settings: Settings) -> Path:
    """The data directory, made when it is missing, for its owner only.

    Raises:
        CannotStart: it cannot be written.
    """
    folder = settings.data_dir.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise CannotStart(
            f"The data directory {folder} cannot be written ({error.strerror}): "
            "set DYNAVERA_DATA_DIR to a folder that can be."
        ) from error


def prepare_records_folder(settings: Settings) -> None:
    """See that the records have a folder, unless they are in a database elsewhere.

    Raises:
        CannotStart: the data directory cannot be written.
    """
    if settings.database_url is None:
        prepared_data_dir(settings)
