"""`dynavera models`, against a catalogue that is really served."""

import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.fake_catalogue import FakeCatalogue
from tests.serving import free_port, serving, until


@asynccontextmanager
async def served(catalogue: FakeCatalogue) -> AsyncGenerator[dict[str, str]]:
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


async def test_what_can_be_had_and_what_is_installed_is_listed(nobody_there: CommandLine, folder: Path) -> None:
    put(folder, "own.gguf", b"x" * 5_000_000)
    put(folder, "small.gguf.part", b"x")

    async with served(FakeCatalogue()) as url:
        table = await nobody_there("models", "list", **url)
        data = await nobody_there("models", "list", "--output", "json", **url)

    heading, own, small = table.out.splitlines()
    assert heading.split() == ["File", "Size", "RAM", "Installed", "Name"]
    assert own.split() == ["own.gguf", "5.0", "MB", "yes"]
    assert small.split() == ["small.gguf", "0.3", "MB", "8", "GB", "Small", "Model"]
    assert [(model["generator"], model["installed"]) for model in json.loads(data.out)] == [
        ("gpt4all:own.gguf", True),
        ("gpt4all:small.gguf", False),
    ]


async def test_without_the_catalogue_the_installed_ones_are_listed(nobody_there: CommandLine, folder: Path) -> None:
    put(folder, "own.gguf", b"x")
    nothing = f"http://127.0.0.1:{free_port()}/models3.json"

    ended = await nobody_there("models", "list", "--output", "jsonl", DYNAVERA_MODELS_URL=nothing)

    assert ended.code == 0
    assert [json.loads(line)["file"] for line in ended.out.splitlines()] == ["own.gguf"]
    assert f"the catalogue is away: {nothing} cannot be reached" in ended.err


@pytest.mark.parametrize("name", ["small.gguf", "Small Model", "SMALL.GGUF"])
async def test_a_model_is_pulled_and_checked(nobody_there: CommandLine, folder: Path, name: str) -> None:
    catalogue = FakeCatalogue()

    async with served(catalogue) as url:
        ended = await nobody_there("models", "pull", name, **url)

    assert (ended.code, ended.out) == (0, "gpt4all:small.gguf\n")
    assert files_in(folder) == ["small.gguf"]
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert (folder / "small.gguf").read_bytes() == catalogue.content


async def test_a_pulled_model_is_data_for_a_program(nobody_there: CommandLine, folder: Path) -> None:
    async with served(FakeCatalogue()) as url:
        ended = await nobody_there("models", "pull", "small.gguf", "--output", "json", **url)

    assert json.loads(ended.out) == {
        "name": "Small Model",
        "file": "small.gguf",
        "path": str(folder / "small.gguf"),
        "bytes": 256_000,
        "generator": "gpt4all:small.gguf",
    }


async def test_a_model_that_is_here_is_not_fetched_again(nobody_there: CommandLine) -> None:
    catalogue = FakeCatalogue()

    async with served(catalogue) as url:
        await nobody_there("models", "pull", "small.gguf", **url)
        again = await nobody_there("models", "pull", "small.gguf", **url)

    assert again.code == 0
    assert catalogue.asked_from == [0]


async def test_a_connection_that_breaks_off_is_taken_up_where_it_did(nobody_there: CommandLine, folder: Path) -> None:
    catalogue = FakeCatalogue(breaks_after=100_000, breaks_times=2)

    async with served(catalogue) as url:
        ended = await nobody_there("models", "pull", "small.gguf", **url)

    assert ended.code == 0
    assert (folder / "small.gguf").read_bytes() == catalogue.content
    assert catalogue.asked_from[0] == 0
    assert sorted(set(catalogue.asked_from)) == catalogue.asked_from


async def test_an_interrupted_pull_goes_on_where_it_stopped(nobody_there: CommandLine, folder: Path) -> None:
    catalogue = FakeCatalogue(waits_after=100_000)
    part = folder / "small.gguf.part"

    async with served(catalogue) as url:
        pulling = await nobody_there.start("models", "pull", "small.gguf", **url)

        async def has_begun() -> None:
            await until(lambda: part.exists() and part.stat().st_size > 0, seconds=30)

        stopped = await nobody_there.interrupted(pulling, has_begun)
        kept = part.stat().st_size
        catalogue.waits_after = None
        ended = await nobody_there("models", "pull", "small.gguf", **url)

    assert stopped.code == 130
    assert "goes on from there" in stopped.err
    assert ended.code == 0
    assert catalogue.asked_from == [0, kept]
    assert (folder / "small.gguf").read_bytes() == catalogue.content


async def test_a_server_without_ranges_sends_it_from_the_beginning(nobody_there: CommandLine, folder: Path) -> None:
    catalogue = FakeCatalogue(ranges=False)
    put(folder, "small.gguf.part", b"the beginning of something else")

    async with served(catalogue) as url:
        ended = await nobody_there("models", "pull", "small.gguf", **url)

    assert ended.code == 0
    assert (folder / "small.gguf").read_bytes() == catalogue.content


async def test_a_server_that_always_breaks_off_is_given_up_and_what_came_is_kept(
    nobody_there: CommandLine, folder: Path
) -> None:
    async with served(FakeCatalogue(breaks_after=0)) as url:
        ended = await nobody_there("models", "pull", "small.gguf", **url)

    assert ended.code == 3
    assert "broke off after 0 of 256000 bytes" in ended.err
    assert files_in(folder) == ["small.gguf.part"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"md5sum": "0" * 32}, "the catalogue's 00000000000000000000000000000000"),
        ({"sha256sum": "1" * 64}, "the catalogue's 1111"),
        ({"filesize": "255999"}, "is larger than the 255999 bytes"),
    ],
)
async def test_what_is_not_the_model_of_the_catalogue_is_deleted(
    nobody_there: CommandLine, folder: Path, entry: dict[str, str], reason: str
) -> None:
    async with served(FakeCatalogue(entry=entry)) as url:
        ended = await nobody_there("models", "pull", "small.gguf", **url)

    assert ended.code == 1
    assert reason in ended.err
    assert files_in(folder) == []


async def test_a_sha256_is_checked_where_the_catalogue_has_one(nobody_there: CommandLine) -> None:
    catalogue = FakeCatalogue()
    catalogue.entry = {"sha256sum": hashlib.sha256(catalogue.content).hexdigest(), "md5sum": None}

    async with served(catalogue) as url:
        ended = await nobody_there("models", "pull", "small.gguf", **url)

    assert ended.code == 0


async def test_a_model_that_its_server_does_not_have_is_an_error_in_words(nobody_there: CommandLine) -> None:
    async with served(FakeCatalogue(status=404)) as url:
        ended = await nobody_there("models", "pull", "small.gguf", **url)

    assert ended.code == 1
    assert ended.err.endswith("/models/gguf/small.gguf answers 404 Not Found.\n")


async def test_a_model_that_is_larger_than_the_disk_is_refused_at_once(nobody_there: CommandLine, folder: Path) -> None:
    catalogue = FakeCatalogue(entry={"filesize": str(10**18)})

    async with served(catalogue) as url:
        ended = await nobody_there("models", "pull", "small.gguf", **url)

    assert ended.code == 1
    assert "Make room, or set DYNAVERA_DATA_DIR" in ended.err
    assert catalogue.asked_from == []


async def test_an_unknown_model_is_an_error_that_names_what_is_alike(nobody_there: CommandLine) -> None:
    async with served(FakeCatalogue()) as url:
        ended = await nobody_there("models", "pull", "smal.gguf", **url)

    assert ended.code == 1
    assert ended.err.startswith("The catalogue has no model 'smal.gguf'. Did you mean 'small.gguf'?")


@pytest.mark.parametrize("name", ["embedder.gguf", "../outside.gguf"])
async def test_what_cannot_write_or_has_no_plain_name_is_not_in_the_catalogue(
    nobody_there: CommandLine, name: str
) -> None:
    async with served(FakeCatalogue()) as url:
        ended = await nobody_there("models", "pull", name, **url)

    assert ended.code == 1


async def test_offline_a_pull_says_what_to_do(nobody_there: CommandLine) -> None:
    nothing = f"http://127.0.0.1:{free_port()}/models3.json"

    ended = await nobody_there("models", "pull", "small.gguf", DYNAVERA_MODELS_URL=nothing)

    assert ended.code == 3
    assert "Is this machine online? HTTPS_PROXY names a proxy." in ended.err


async def test_what_is_no_catalogue_is_an_error_in_words(nobody_there: CommandLine) -> None:
    async with serving(FakeCatalogue().app()) as url:
        ended = await nobody_there("models", "pull", "small.gguf", DYNAVERA_MODELS_URL=f"{url}/models/gguf/small.gguf")

    assert ended.code == 3
    assert "is no catalogue" in ended.err
