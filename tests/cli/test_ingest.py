import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.fakes import FakeDynavera


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "one.md").write_text("# One")
    (folder / "deep" / "two.txt").write_text("Two")
    (folder / ".hidden" / "secret.md").write_text("no")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


async def test_a_folder_is_ingested_with_all_that_can_be_read(
    command: CommandLine, dynavera: FakeDynavera, notes: Path
) -> None:
    ended = await command("ingest", str(notes))

    assert ended.code == 0
    assert sorted(dynavera.documents) == [("default", "deep/two.txt", b"Two"), ("default", "one.md", b"# One")]
    assert f"Skipped {notes / 'picture.png'}" in ended.err
    assert f"Skipped {notes / '.hidden' / 'secret.md'}" in ended.err
    assert ended.err.splitlines()[-1] == "2 documents with 2 passages ingested, 0 refused, 2 skipped."


async def test_many_files_are_sent_in_batches(command: CommandLine, dynavera: FakeDynavera, tmp_path: Path) -> None:
    for n in range(45):
        (tmp_path / f"{n}.md").write_text(f"Note {n}")

    ended = await command("ingest", *(str(tmp_path / f"{n}.md") for n in range(45)), "--output", "jsonl")

    assert len(ended.out.splitlines()) == len(dynavera.documents) == 45


async def test_the_collection_is_the_one_asked_for(command: CommandLine, dynavera: FakeDynavera, notes: Path) -> None:
    await command("ingest", str(notes / "one.md"), "--collection", "lab")

    assert dynavera.documents == [("lab", "one.md", b"# One")]


async def test_a_file_that_is_refused_is_named_and_the_others_are_taken(
    command: CommandLine, dynavera: FakeDynavera, notes: Path
) -> None:
    (notes / "bad.txt").write_bytes(b"\x00")

    ended = await command("ingest", str(notes), "--output", "json")

    assert ended.code == 1
    assert "Refused bad.txt: It is not text." in ended.err
    assert len(dynavera.documents) == 2
    assert [refusal["name"] for refusal in json.loads(ended.out)["refused"]] == ["bad.txt"]


async def test_each_of_several_refused_files_is_named(command: CommandLine, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(b"\x00")

    ended = await command("ingest", str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))

    assert ended.code == 1
    assert "Refused a.txt: It is not text." in ended.err
    assert "Refused b.txt: It is not text." in ended.err


async def test_a_path_that_is_not_there_is_wrong_use(command: CommandLine) -> None:
    ended = await command("ingest", "nowhere")

    assert (ended.code, ended.err) == (2, "There is no file or folder 'nowhere'.\n")
