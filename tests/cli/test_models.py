"""`dynavera models` against a served fake catalogue."""

import hashlib
import json
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.fake_catalogue import FakeCatalogue
from tests.serving import free_port, serving, until


@asynccontextmanager
async def serve_catalogue(catalogue: FakeCatalogue) -> AsyncGenerator[dict[str, str]]:
    async with serving(catalogue.app()) as url:
        yield {"DYNAVERA_MODELS_URL": f"{url}/models/models3.json"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "models"


def put(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def files_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


NO_TENSORS = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)


async def test_catalogue_and_installed_models_are_listed(offline_cli: Cli, folder: Path) -> None:
    put(folder, "own.gguf", NO_TENSORS + bytes(5_000_000))
    put(folder, "small.gguf.part", b"x")

    async with serve_catalogue(FakeCatalogue()) as url:
        table = await offline_cli("models", "list", **url)
        data = await offline_cli("models", "list", "--output", "json", **url)

    heading, own, small = table.stdout.splitlines()
    assert heading.split() == ["File", "Size", "RAM", "Installed", "Name"]
    assert own.split() == ["own.gguf", "5.0", "MB", "yes"]
    assert small.split() == ["small.gguf", "0.3", "MB", "8", "GB", "Small", "Model"]
    assert [(model["generator"], model["installed"]) for model in json.loads(data.stdout)] == [
        ("gpt4all:own.gguf", True),
        ("gpt4all:small.gguf", False),
    ]


async def test_an_unusable_model_is_listed_with_the_reason(offline_cli: Cli, folder: Path) -> None:
    put(folder, "cut.gguf", NO_TENSORS[:10])
    put(folder, "empty.gguf", b"")

    async with serve_catalogue(FakeCatalogue()) as url:
        table = await offline_cli("models", "list", **url)
        data = await offline_cli("models", "list", "--output", "json", **url)

    assert "unusable: it is empty" in table.stdout
    assert [model["problem"] for model in json.loads(data.stdout)] == [
        "it is damaged, or was not downloaded completely",
        "it is empty",
        None,
    ]


async def test_installed_models_are_listed_without_the_catalogue(offline_cli: Cli, folder: Path) -> None:
    put(folder, "own.gguf", b"x")
    unused_url = f"http://127.0.0.1:{free_port()}/models3.json"

    result = await offline_cli("models", "list", "--output", "jsonl", DYNAVERA_MODELS_URL=unused_url)

    assert result.exit_code == 0
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == ["own.gguf"]
    assert f"the catalogue is unreachable: {unused_url} cannot be reached" in result.stderr


@pytest.mark.parametrize("name", ["small.gguf", "Small Model", "SMALL.GGUF"])
async def test_model_is_downloaded_and_verified(offline_cli: Cli, folder: Path, name: str) -> None:
    catalogue = FakeCatalogue()

    async with serve_catalogue(catalogue) as url:
        result = await offline_cli("models", "pull", name, **url)

    assert (result.exit_code, result.stdout) == (0, "gpt4all:small.gguf\n")
    assert files_in(folder) == ["small.gguf"]
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert (folder / "small.gguf").read_bytes() == catalogue.content


async def test_downloaded_model_as_json(offline_cli: Cli, folder: Path) -> None:
    async with serve_catalogue(FakeCatalogue()) as url:
        result = await offline_cli("models", "pull", "small.gguf", "--output", "json", **url)

    assert json.loads(result.stdout) == {
        "name": "Small Model",
        "file": "small.gguf",
        "path": str(folder / "small.gguf"),
        "bytes": 256_000,
        "generator": "gpt4all:small.gguf",
    }


async def test_installed_model_is_not_downloaded_again(offline_cli: Cli) -> None:
    catalogue = FakeCatalogue()

    async with serve_catalogue(catalogue) as url:
        await offline_cli("models", "pull", "small.gguf", **url)
        again = await offline_cli("models", "pull", "small.gguf", **url)

    assert again.exit_code == 0
    assert catalogue.requested_offsets == [0]


async def test_lost_connection_is_resumed(offline_cli: Cli, folder: Path) -> None:
    catalogue = FakeCatalogue(breaks_after=100_000, breaks_times=2)

    async with serve_catalogue(catalogue) as url:
        result = await offline_cli("models", "pull", "small.gguf", **url)

    assert result.exit_code == 0
    assert (folder / "small.gguf").read_bytes() == catalogue.content
    assert catalogue.requested_offsets[0] == 0
    assert sorted(set(catalogue.requested_offsets)) == catalogue.requested_offsets


async def test_interrupted_download_is_resumed(offline_cli: Cli, folder: Path) -> None:
    catalogue = FakeCatalogue(waits_after=100_000)
    partial = folder / "small.gguf.part"

    async with serve_catalogue(catalogue) as url:
        pulling = await offline_cli.start("models", "pull", "small.gguf", **url)

        async def has_begun() -> None:
            await until(lambda: partial.exists() and partial.stat().st_size > 0, seconds=30)

        stopped = await offline_cli.interrupt(pulling, has_begun)
        received = partial.stat().st_size
        catalogue.waits_after = None
        result = await offline_cli("models", "pull", "small.gguf", **url)

    assert stopped.exit_code == 130
    assert "to resume the download" in stopped.stderr
    assert result.exit_code == 0
    assert catalogue.requested_offsets == [0, received]
    assert (folder / "small.gguf").read_bytes() == catalogue.content


async def test_download_starts_over_without_range_support(offline_cli: Cli, folder: Path) -> None:
    catalogue = FakeCatalogue(ranges=False)
    put(folder, "small.gguf.part", b"the beginning of something else")

    async with serve_catalogue(catalogue) as url:
        result = await offline_cli("models", "pull", "small.gguf", **url)

    assert result.exit_code == 0
    assert (folder / "small.gguf").read_bytes() == catalogue.content


async def test_partial_file_is_kept_if_the_server_keeps_disconnecting(offline_cli: Cli, folder: Path) -> None:
    async with serve_catalogue(FakeCatalogue(breaks_after=0)) as url:
        result = await offline_cli("models", "pull", "small.gguf", **url)

    assert result.exit_code == 3
    assert "stopped after 0 of 256000 bytes" in result.stderr
    assert files_in(folder) == ["small.gguf.part"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"md5sum": "0" * 32}, "the catalogue's 00000000000000000000000000000000"),
        ({"sha256sum": "1" * 64}, "the catalogue's 1111"),
        ({"filesize": "255999"}, "is larger than the 255999 bytes"),
    ],
)
async def test_file_that_does_not_match_the_catalogue_is_deleted(
    offline_cli: Cli, folder: Path, entry: dict[str, str], reason: str
) -> None:
    async with serve_catalogue(FakeCatalogue(entry=entry)) as url:
        result = await offline_cli("models", "pull", "small.gguf", **url)

    assert result.exit_code == 1
    assert reason in result.stderr
    assert files_in(folder) == []


async def test_sha256_is_verified_if_the_catalogue_has_one(offline_cli: Cli) -> None:
    catalogue = FakeCatalogue()
    catalogue.entry = {"sha256sum": hashlib.sha256(catalogue.content).hexdigest(), "md5sum": None}

    async with serve_catalogue(catalogue) as url:
        result = await offline_cli("models", "pull", "small.gguf", **url)

    assert result.exit_code == 0


async def test_missing_model_file_is_reported(offline_cli: Cli) -> None:
    async with serve_catalogue(FakeCatalogue(status=404)) as url:
        result = await offline_cli("models", "pull", "small.gguf", **url)

    assert result.exit_code == 1
    assert result.stderr.endswith("/models/gguf/small.gguf answers 404 Not Found.\n")


async def test_model_larger_than_the_disk_is_refused(offline_cli: Cli, folder: Path) -> None:
    catalogue = FakeCatalogue(entry={"filesize": str(10**18)})

    async with serve_catalogue(catalogue) as url:
        result = await offline_cli("models", "pull", "small.gguf", **url)

    assert result.exit_code == 1
    assert "Free some space, or set DYNAVERA_DATA_DIR" in result.stderr
    assert catalogue.requested_offsets == []


async def test_unknown_model_is_reported_with_similar_names(offline_cli: Cli) -> None:
    async with serve_catalogue(FakeCatalogue()) as url:
        result = await offline_cli("models", "pull", "smal.gguf", **url)

    assert result.exit_code == 1
    assert result.stderr.startswith("The catalogue has no model 'smal.gguf'. Did you mean 'small.gguf'?")


@pytest.mark.parametrize("name", ["embedder.gguf", "../outside.gguf"])
async def test_embedders_and_unsafe_file_names_are_not_in_the_catalogue(offline_cli: Cli, name: str) -> None:
    async with serve_catalogue(FakeCatalogue()) as url:
        result = await offline_cli("models", "pull", name, **url)

    assert result.exit_code == 1


async def test_unreachable_catalogue_is_reported_with_advice(offline_cli: Cli) -> None:
    unused_url = f"http://127.0.0.1:{free_port()}/models3.json"

    result = await offline_cli("models", "pull", "small.gguf", DYNAVERA_MODELS_URL=unused_url)

    assert result.exit_code == 3
    assert "Is this machine online? HTTPS_PROXY sets a proxy." in result.stderr


async def test_invalid_catalogue_is_reported(offline_cli: Cli) -> None:
    async with serving(FakeCatalogue().app()) as url:
        result = await offline_cli("models", "pull", "small.gguf", DYNAVERA_MODELS_URL=f"{url}/models/gguf/small.gguf")

    assert result.exit_code == 3
    assert "is not a catalogue" in result.stderr
