"""`dynavera ingest` and `dynavera reindex` against an API and an MCP service that are really served."""

import json
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import CommandLine, command_line
from tests.knowledge_base import KnowledgeBase, knowledge_base


@pytest.fixture
async def base(tmp_path: Path) -> AsyncGenerator[KnowledgeBase]:
    folder = tmp_path / "service"
    folder.mkdir()
    async with knowledge_base(folder) as running:
        yield running


@pytest.fixture
def command(base: KnowledgeBase, tmp_path: Path) -> CommandLine:
    return command_line(tmp_path, urlsplit(base.url).port, DYNAVERA_TOKEN=base.mcp.owner_key)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    for place in ("deep", ".hidden", "drafts"):
        (folder / place).mkdir(parents=True)
    (folder / "one.md").write_text("# One\n\nLight.")
    (folder / "deep" / "two.csv").write_text("name,colour\nAnn,red\n")
    (folder / "drafts" / "three.txt").write_text("Three")
    (folder / ".hidden" / "secret.md").write_text("no")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


async def names(base: KnowledgeBase, collection: str = "default") -> list[str]:
    async with base.client() as client:
        page = (await client.get("/api/documents", params={"collection": collection})).json()
    return sorted(item["name"] for item in page["items"])


async def test_a_folder_is_brought_with_all_that_can_be_read(
    command: CommandLine, base: KnowledgeBase, notes: Path
) -> None:
    ended = await command("ingest", str(notes), "--exclude", "drafts/", "--collection", "lab")

    assert ended.code == 0, ended.err
    assert await names(base, "lab") == ["deep/two.csv", "one.md"]
    assert await names(base) == []
    for skipped, reason in (
        ("picture.png", "files that end in .png are not read"),
        (".hidden", "it is hidden"),
        ("drafts", "it is excluded"),
    ):
        assert f"Skipped {notes / skipped}: {reason}.\n" in ended.err
    assert ended.err.splitlines()[-1] == ("2 documents with 2 passages ingested, 0 unchanged, 0 refused, 3 skipped.")


async def test_what_is_no_file_is_skipped_with_its_reason(
    command: CommandLine, base: KnowledgeBase, notes: Path
) -> None:
    (notes / "nothing.md").symlink_to("nowhere.md")
    (notes / "round.md").symlink_to("round.md")
    (notes / "elsewhere").symlink_to(notes / "deep")
    (notes / "README").write_text("What is it?")
    os.mkfifo(notes / "pipe.md")

    ended = await command("ingest", str(notes))
    alone = [await command("ingest", str(notes / name)) for name in ("nothing.md", "round.md", "pipe.md")]

    reasons = {
        "nothing.md": "it is a link to nothing",
        "round.md": "it is a link that leads back to itself",
        "pipe.md": "it is a pipe, a socket or a device",
        "elsewhere": "it is a link to a folder",
        "README": "its name does not say what kind it is",
    }
    assert ended.code == 0
    for name, reason in reasons.items():
        assert f"Skipped {notes / name}: {reason}.\n" in ended.err
    assert [one.code for one in alone] == [2, 2, 2]
    assert "pipe.md' cannot be brought: it is a pipe, " in alone[-1].err


async def test_a_copy_is_the_same_document_and_counts_once(
    command: CommandLine, base: KnowledgeBase, tmp_path: Path
) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    for name in ("one.md", "other.md"):
        (folder / name).write_text("# One\n\nLight.")

    first = await command("ingest", str(folder))
    again = await command("ingest", str(folder), "--output", "json")

    report = json.loads(again.out)
    assert len(first.out.splitlines()) == 1
    assert "other.md is the same as one.md: one document.\n" in first.err
    assert "1 document with 1 passage ingested, 0 unchanged, 0 refused, 0 skipped, 1 file twice." in first.err
    assert (len(report["items"]), len(report["unchanged"])) == (1, 1)
    assert report["copies"] == [{"name": "other.md", "document": "one.md"}]


async def test_json_lines_say_what_became_of_each(command: CommandLine, base: KnowledgeBase, notes: Path) -> None:
    await command("ingest", str(notes))
    (notes / "one.md").rename(notes / "uno.md")
    (notes / "nul.txt").write_bytes(b"a\x00")

    ended = await command("ingest", str(notes), "--prune", "--output", "jsonl")

    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert [(line["outcome"], line["name"]) for line in lines] == [
        ("ingested", "uno.md"),
        ("unchanged", "deep/two.csv"),
        ("unchanged", "drafts/three.txt"),
        ("refused", "nul.txt"),
        ("forgotten", "one.md"),
    ]


async def test_what_is_there_already_is_not_sent_again(command: CommandLine, base: KnowledgeBase, notes: Path) -> None:
    await command("ingest", str(notes / "one.md"))
    (notes / "one.md").write_text("# One\n\nMore light.")
    first = await command("ingest", str(notes), "--output", "json")
    second = await command("ingest", str(notes), "--output", "json")

    new, again = json.loads(first.out), json.loads(second.out)
    assert (len(new["items"]), new["unchanged"]) == (3, [])
    assert len(again["items"]) == 3
    assert sorted(again["unchanged"]) == sorted(item["id"] for item in new["items"])
    assert all(item in new["items"] for item in again["items"])


async def test_what_an_interruption_left_out_is_all_that_is_sent_after_it(
    command: CommandLine, base: KnowledgeBase, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(500):
        (folder / f"{number}.md").write_text(f"# Note {number}\n\nLight number {number}.")

    killed = await command.start("ingest", str(folder))
    async with base.client() as client:
        while (await client.get("/api/collections")).json()["items"] == []:
            assert killed.returncode is None
    killed.kill()
    await command.end_of(killed)
    ended = await command("ingest", str(folder), "--output", "json")

    report = json.loads(ended.out)
    assert ended.code == 0
    assert len(report["items"]) == len(await all_names(base)) == 500
    assert len(report["unchanged"]) in range(200, 500)


async def test_an_interruption_says_what_was_done_and_how_to_go_on(
    command: CommandLine, base: KnowledgeBase, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1000):
        (folder / f"{number}.md").write_text(f"# Note {number}\n\nLight number {number}.")

    async def some_are_there() -> None:
        async with base.client() as client:
            while (await client.get("/api/collections")).json()["items"] == []:
                pass

    ended = await command.interrupted(await command.start("ingest", str(folder)), some_are_there)

    assert ended.code == 130
    assert "Run the same command again" in ended.err
    assert " documents with " in ended.err


async def all_names(base: KnowledgeBase) -> list[str]:
    async with base.client() as client:
        [collection] = (await client.get("/api/collections")).json()["items"]
        listed: list[str] = []
        cursor: dict[str, str] = {}
        while len(listed) < collection["documents"]:
            page = (await client.get("/api/documents", params={"limit": "200"} | cursor)).json()
            listed += [item["name"] for item in page["items"]]
            cursor = {"cursor": page["next_cursor"]}
    return listed


async def test_each_file_that_is_refused_is_named_and_the_others_are_taken(
    command: CommandLine, base: KnowledgeBase, notes: Path, tmp_path: Path
) -> None:
    (notes / "nul.txt").write_bytes(b"a\x00")
    (notes / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (notes / "large.txt").write_bytes(b"word " * (2 * 1024 * 1024 + 1))
    (tmp_path / "one.md").write_text("Another one.")

    ended = await command("ingest", str(notes), str(tmp_path / "one.md"), "--output", "json")

    refused = {refusal["name"]: refusal["code"] for refusal in json.loads(ended.out)["refused"]}
    assert ended.code == 1
    assert refused == {
        "nul.txt": "not_text",
        "broken.pdf": "damaged",
        "large.txt": "too_large",
        "one.md": "same_name",
    }
    assert all(f"Refused {name}: " in ended.err for name in refused)
    assert await names(base) == ["deep/two.csv", "drafts/three.txt", "one.md"]


async def test_documents_whose_files_are_gone_are_forgotten_on_request(
    command: CommandLine, base: KnowledgeBase, notes: Path
) -> None:
    await command("ingest", str(notes))
    (notes / "one.md").rename(notes / "uno.md")

    kept = await command("ingest", str(notes))
    before = await names(base)
    pruned = await command("ingest", str(notes), "--prune", "--output", "json")
    after = await names(base)
    refused = await command("ingest", str(notes / ".hidden" / ".."), "--exclude", "*", "--prune")

    assert kept.code == pruned.code == 0
    assert "one.md" in before
    assert after == ["deep/two.csv", "drafts/three.txt", "uno.md"]
    assert json.loads(pruned.out)["forgotten"] == ["one.md"]
    assert (refused.code, await names(base)) == (2, after)


async def test_nothing_is_forgotten_while_a_folder_cannot_be_read(
    command: CommandLine, base: KnowledgeBase, notes: Path
) -> None:
    await command("ingest", str(notes))
    before = await names(base)
    (notes / "one.md").unlink()
    add_unreadable(notes / "deep")

    pruned = await command("ingest", str(notes), "--prune", "--output", "json")

    report = json.loads(pruned.out)
    assert (pruned.code, report["forgotten"]) == (1, [])
    assert [refusal["code"] for refusal in report["refused"]] == ["unreadable"]
    assert report["refused"][0]["name"].startswith(str(notes / "deep"))
    assert "Nothing is forgotten: " in pruned.err
    assert await names(base) == before


def add_unreadable(folder: Path) -> None:
    """Folders in folders, until the path of the last is too long to open; a mode would not keep root out."""
    place = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=place)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)


@pytest.mark.parametrize("name", ['he said "hi".md', "tab\there.md", "new\nline.md", "C:\\notes.md", "\\\\notes.md"])
async def test_a_file_that_would_be_stored_under_another_name_is_refused(
    command: CommandLine, base: KnowledgeBase, notes: Path, name: str
) -> None:
    (notes / name).write_text("Light.")

    first = await command("ingest", str(notes), "--output", "json")
    pruned = await command("ingest", str(notes), "--prune", "--output", "json")

    refused = [(refusal["name"], refusal["code"]) for refusal in json.loads(first.out)["refused"]]
    assert (first.code, refused) == (1, [(name, "bad_name")])
    assert "Rename it." in first.err
    assert json.loads(pruned.out)["forgotten"] == []
    assert await names(base) == ["deep/two.csv", "drafts/three.txt", "one.md"]


async def test_names_with_marks_arrive_as_they_are(command: CommandLine, base: KnowledgeBase, tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    folder.mkdir()
    (folder / "\x1b[31m :smile:.png").write_bytes(b"")
    for name in ("a%22b.md", "a\\b.md", "it's; so=this.md", "Füße 🧠.md"):
        (folder / name).write_text(f"Light in {name}.")

    first = await command("ingest", str(folder))
    again = await command("ingest", str(folder), "--prune", "--output", "json")

    report = json.loads(again.out)
    assert (len(report["unchanged"]), report["forgotten"]) == (4, [])
    assert "/�[31m :smile:.png: " in first.err


async def test_a_path_that_is_not_there_is_wrong_use(command: CommandLine) -> None:
    ended = await command("ingest", "nowhere")

    assert (ended.code, ended.err) == (2, "'nowhere' cannot be brought: it is not there.\n")


async def test_indexes_are_made_anew_for_the_owner_only(command: CommandLine, base: KnowledgeBase, notes: Path) -> None:
    await command("ingest", str(notes))
    stranger = await base.mcp.another_user()

    done = await command("reindex", "--output", "json")
    refused = await command("reindex", DYNAVERA_TOKEN=stranger.api_key)
    async with base.client() as client:
        found = (await client.post("/api/search", json={"query": "light"})).json()["passages"]

    assert (done.code, json.loads(done.out)) == (0, {"state": "done", "passages": 3, "total": 3})
    assert (refused.code, "owner" in refused.err) == (1, True)
    assert next(passage["document"] for passage in found) == "one.md"
