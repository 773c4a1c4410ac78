"""`dynavera ingest` and `dynavera reindex` against a real API and a real MCP service."""

import json
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import Cli, cli_in
from tests.knowledge_base import KnowledgeBase, knowledge_base


@pytest.fixture
async def base(tmp_path: Path) -> AsyncGenerator[KnowledgeBase]:
    folder = tmp_path / "service"
    folder.mkdir()
    async with knowledge_base(folder) as running:
        yield running


@pytest.fixture
def cli(base: KnowledgeBase, tmp_path: Path) -> Cli:
    return cli_in(tmp_path, urlsplit(base.url).port, DYNAVERA_TOKEN=base.mcp.owner_key)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    for subfolder in ("deep", ".hidden", "drafts"):
        (folder / subfolder).mkdir(parents=True)
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


async def test_folder_is_ingested_without_unsupported_files(cli: Cli, base: KnowledgeBase, notes: Path) -> None:
    result = await cli("ingest", str(notes), "--exclude", "drafts/", "--collection", "lab")

    assert result.exit_code == 0, result.stderr
    assert await names(base, "lab") == ["deep/two.csv", "one.md"]
    assert await names(base) == []
    for skipped, reason in (
        ("picture.png", "the type .png is not supported"),
        (".hidden", "it is hidden"),
        ("drafts", "it is excluded"),
    ):
        assert f"Skipped {notes / skipped}: {reason}.\n" in result.stderr
    assert result.stderr.splitlines()[-1] == (
        "2 documents with 2 passages ingested, 0 unchanged, 0 refused, 3 skipped."
    )


async def test_paths_that_are_not_regular_files_are_skipped(cli: Cli, base: KnowledgeBase, notes: Path) -> None:
    (notes / "nothing.md").symlink_to("nowhere.md")
    (notes / "round.md").symlink_to("round.md")
    (notes / "elsewhere").symlink_to(notes / "deep")
    (notes / "README").write_text("What is it?")
    os.mkfifo(notes / "pipe.md")

    result = await cli("ingest", str(notes))
    single = [await cli("ingest", str(notes / name)) for name in ("nothing.md", "round.md", "pipe.md")]

    reasons = {
        "nothing.md": "it is a broken link",
        "round.md": "it is a link to itself",
        "pipe.md": "it is a pipe, a socket or a device",
        "elsewhere": "it is a link to a folder",
        "README": "it has no file extension",
    }
    assert result.exit_code == 0
    for name, reason in reasons.items():
        assert f"Skipped {notes / name}: {reason}.\n" in result.stderr
    assert [one.exit_code for one in single] == [2, 2, 2]
    assert "pipe.md' cannot be ingested: it is a pipe, " in single[-1].stderr


async def test_duplicate_file_is_one_document(cli: Cli, base: KnowledgeBase, tmp_path: Path) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    for name in ("one.md", "other.md"):
        (folder / name).write_text("# One\n\nLight.")

    first = await cli("ingest", str(folder))
    again = await cli("ingest", str(folder), "--output", "json")

    report = json.loads(again.stdout)
    assert len(first.stdout.splitlines()) == 1
    assert "other.md has the same content as one.md: one document.\n" in first.stderr
    assert "1 document with 1 passage ingested, 0 unchanged, 0 refused, 0 skipped, 1 duplicate." in first.stderr
    assert (len(report["items"]), len(report["unchanged"])) == (1, 1)
    assert report["copies"] == [{"name": "other.md", "document": "one.md"}]


async def test_jsonl_has_the_outcome_of_each_file(cli: Cli, base: KnowledgeBase, notes: Path) -> None:
    await cli("ingest", str(notes))
    (notes / "one.md").rename(notes / "uno.md")
    (notes / "nul.txt").write_bytes(b"a\x00")

    result = await cli("ingest", str(notes), "--prune", "--output", "jsonl")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["outcome"], line["name"]) for line in lines] == [
        ("ingested", "uno.md"),
        ("unchanged", "deep/two.csv"),
        ("unchanged", "drafts/three.txt"),
        ("refused", "nul.txt"),
        ("forgotten", "one.md"),
    ]


async def test_unchanged_files_are_not_sent_again(cli: Cli, base: KnowledgeBase, notes: Path) -> None:
    await cli("ingest", str(notes / "one.md"))
    (notes / "one.md").write_text("# One\n\nMore light.")
    first = await cli("ingest", str(notes), "--output", "json")
    second = await cli("ingest", str(notes), "--output", "json")

    new, again = json.loads(first.stdout), json.loads(second.stdout)
    assert (len(new["items"]), new["unchanged"]) == (3, [])
    assert len(again["items"]) == 3
    assert sorted(again["unchanged"]) == sorted(item["id"] for item in new["items"])
    assert all(item in new["items"] for item in again["items"])


async def test_ingest_resumes_after_a_crash(cli: Cli, base: KnowledgeBase, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(500):
        (folder / f"{number}.md").write_text(f"# Note {number}\n\nLight number {number}.")

    killed = await cli.start("ingest", str(folder))
    async with base.client() as client:
        while (await client.get("/api/collections")).json()["items"] == []:
            assert killed.returncode is None
    killed.kill()
    await cli.wait(killed)
    result = await cli("ingest", str(folder), "--output", "json")

    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert len(report["items"]) == len(await all_names(base)) == 500
    assert len(report["unchanged"]) in range(200, 500)


async def test_interrupted_ingest_reports_progress_and_how_to_resume(
    cli: Cli, base: KnowledgeBase, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1000):
        (folder / f"{number}.md").write_text(f"# Note {number}\n\nLight number {number}.")

    async def some_are_ingested() -> None:
        async with base.client() as client:
            while (await client.get("/api/collections")).json()["items"] == []:
                pass

    result = await cli.interrupt(await cli.start("ingest", str(folder)), some_are_ingested)

    assert result.exit_code == 130
    assert "Run the same command again" in result.stderr
    assert " documents with " in result.stderr


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


async def test_refused_files_are_named_and_the_others_ingested(
    cli: Cli, base: KnowledgeBase, notes: Path, tmp_path: Path
) -> None:
    (notes / "nul.txt").write_bytes(b"a\x00")
    (notes / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (notes / "large.txt").write_bytes(b"word " * (2 * 1024 * 1024 + 1))
    (tmp_path / "one.md").write_text("Another one.")

    result = await cli("ingest", str(notes), str(tmp_path / "one.md"), "--output", "json")

    refused = {refusal["name"]: refusal["code"] for refusal in json.loads(result.stdout)["refused"]}
    assert result.exit_code == 1
    assert refused == {
        "nul.txt": "not_text",
        "broken.pdf": "damaged",
        "large.txt": "too_large",
        "one.md": "same_name",
    }
    assert all(f"Refused {name}: " in result.stderr for name in refused)
    assert await names(base) == ["deep/two.csv", "drafts/three.txt", "one.md"]


async def test_prune_deletes_documents_without_files(cli: Cli, base: KnowledgeBase, notes: Path) -> None:
    await cli("ingest", str(notes))
    (notes / "one.md").rename(notes / "uno.md")

    kept = await cli("ingest", str(notes))
    before = await names(base)
    pruned = await cli("ingest", str(notes), "--prune", "--output", "json")
    after = await names(base)
    refused = await cli("ingest", str(notes / ".hidden" / ".."), "--exclude", "*", "--prune")

    assert kept.exit_code == pruned.exit_code == 0
    assert "one.md" in before
    assert after == ["deep/two.csv", "drafts/three.txt", "uno.md"]
    assert json.loads(pruned.stdout)["forgotten"] == ["one.md"]
    assert (refused.exit_code, await names(base)) == (2, after)


async def test_prune_deletes_nothing_if_a_folder_is_unreadable(cli: Cli, base: KnowledgeBase, notes: Path) -> None:
    await cli("ingest", str(notes))
    before = await names(base)
    (notes / "one.md").unlink()
    add_unreadable(notes / "deep")

    pruned = await cli("ingest", str(notes), "--prune", "--output", "json")

    report = json.loads(pruned.stdout)
    assert (pruned.exit_code, report["forgotten"]) == (1, [])
    assert [refusal["code"] for refusal in report["refused"]] == ["unreadable"]
    assert report["refused"][0]["name"].startswith(str(notes / "deep"))
    assert "No documents are deleted: " in pruned.stderr
    assert await names(base) == before


def add_unreadable(folder: Path) -> None:
    """Nest folders until the path is too long to open; file modes would not stop root."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=descriptor)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


@pytest.mark.parametrize("name", ['he said "hi".md', "tab\there.md", "new\nline.md", "C:\\notes.md", "\\\\notes.md"])
async def test_name_that_a_form_would_alter_is_refused(cli: Cli, base: KnowledgeBase, notes: Path, name: str) -> None:
    (notes / name).write_text("Light.")

    first = await cli("ingest", str(notes), "--output", "json")
    pruned = await cli("ingest", str(notes), "--prune", "--output", "json")

    refused = [(refusal["name"], refusal["code"]) for refusal in json.loads(first.stdout)["refused"]]
    assert (first.exit_code, refused) == (1, [(name, "bad_name")])
    assert "Rename it." in first.stderr
    assert json.loads(pruned.stdout)["forgotten"] == []
    assert await names(base) == ["deep/two.csv", "drafts/three.txt", "one.md"]


async def test_unusual_names_are_preserved(cli: Cli, base: KnowledgeBase, tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    folder.mkdir()
    (folder / "\x1b[31m :smile:.png").write_bytes(b"")
    for name in ("a%22b.md", "a\\b.md", "it's; so=this.md", "Füße 🧠.md"):
        (folder / name).write_text(f"Light in {name}.")

    first = await cli("ingest", str(folder))
    again = await cli("ingest", str(folder), "--prune", "--output", "json")

    report = json.loads(again.stdout)
    assert (len(report["unchanged"]), report["forgotten"]) == (4, [])
    assert "/�[31m :smile:.png: " in first.stderr


async def test_missing_path_is_a_usage_error(cli: Cli) -> None:
    result = await cli("ingest", "nowhere")

    assert (result.exit_code, result.stderr) == (2, "'nowhere' cannot be ingested: it does not exist.\n")


async def test_only_the_owner_can_reindex(cli: Cli, base: KnowledgeBase, notes: Path) -> None:
    await cli("ingest", str(notes))
    stranger = await base.mcp.another_user()

    done = await cli("reindex", "--output", "json")
    refused = await cli("reindex", DYNAVERA_TOKEN=stranger.api_key)
    async with base.client() as client:
        found = (await client.post("/api/search", json={"query": "light"})).json()["passages"]

    assert (done.exit_code, json.loads(done.stdout)) == (0, {"state": "done", "passages": 3, "total": 3})
    assert (refused.exit_code, "owner" in refused.stderr) == (1, True)
    assert next(passage["document"] for passage in found) == "one.md"
