"""GPT4All's catalogue of models, with sizes, checksums and URLs."""

from difflib import get_close_matches
from typing import Any
from urllib.parse import urljoin

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from dynavera.models.installed import SUFFIX

TIMEOUT_SECONDS = 20

_FILE_NAME = rf"^[A-Za-z0-9][A-Za-z0-9_.+-]*\{SUFFIX}$"
"""A plain file name: a path could lead out of the folder."""

_entries = TypeAdapter(list[dict[str, Any]])


class CatalogueUnreachable(Exception):
    """The catalogue cannot be read; the message says why."""


class UnknownModel(Exception):
    """The catalogue has no such model."""


class CatalogueModel(BaseModel):
    """A model that can be downloaded."""

    name: str
    file: str = Field(validation_alias="filename", pattern=_FILE_NAME)
    bytes: int = Field(validation_alias="filesize", gt=0)
    ram_gb: float | None = Field(default=None, validation_alias="ramrequired")
    url: str = ""
    md5: str | None = Field(default=None, validation_alias="md5sum", pattern="^[0-9a-fA-F]{32}$")
    sha256: str | None = Field(default=None, validation_alias="sha256sum", pattern="^[0-9a-fA-F]{64}$")
    embeds_only: bool = Field(default=False, validation_alias="embeddingModel")
    removed_in: str | None = Field(default=None, validation_alias="removedIn")


def read_catalogue(url: str) -> list[CatalogueModel]:
    """The text generation models of the catalogue, in its order.

    Raises:
        CatalogueUnreachable: the server does not answer, or the answer is not a catalogue.
    """
    try:
        response = httpx.get(url, timeout=TIMEOUT_SECONDS, follow_redirects=True)
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise CatalogueUnreachable(f"{url} answers {error.response.status_code}") from error
    except httpx.HTTPError as error:
        raise CatalogueUnreachable(f"{url} cannot be reached: {error}") from error
    try:
        entries = _entries.validate_json(response.content)
    except ValidationError as error:
        raise CatalogueUnreachable(f"the content of {url} is not a catalogue") from error
    return [model for model in (_model(entry, url) for entry in entries) if model is not None]


def find(models: list[CatalogueModel], name: str) -> CatalogueModel:
    """The model with this name or file name.

    Raises:
        UnknownModel: there is none; the message suggests similar names.
    """
    for model in models:
        if name.lower() in (model.name.lower(), model.file.lower()):
            return model
    known = {model.file.lower(): model.file for model in models} | {model.name.lower(): model.file for model in models}
    similar = list(dict.fromkeys(known[key] for key in get_close_matches(name.lower(), known, cutoff=0.4)))
    hint = f" Did you mean {' or '.join(map(repr, similar))}?" if similar else ""
    raise UnknownModel(f"The catalogue has no model {name!r}.{hint} `dynavera models list` shows all of them.")


def _model(entry: dict[str, Any], catalogue_url: str) -> CatalogueModel | None:
    """The model of an entry, or None: the catalogue also has entries that only GPT4All's own application can use."""
    try:
        model = CatalogueModel.model_validate(entry)
    except ValidationError:
        return None
    if model.embeds_only or model.removed_in:
        return None
    return model.model_copy(update={"url": urljoin(catalogue_url, model.url or f"gguf/{model.file}")})
