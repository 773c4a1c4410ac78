"""The HTTP routes for documents."""

from pathlib import Path

import httpx
from sqlalchemy import null, update

from dynavera.records.tables import DocumentRow
from tests.mcp_service.knowledge.sample_files import pdf
from tests.mcp_service.running import Running, files, running_service, upload

FNIRS = "# fNIRS\n\nFunctional near-infrared spectroscopy (fNIRS) measures blood oxygen in the brain with light.\n"
EEG = "# EEG\n\nElectroencephalography (EEG) records voltages on the scalp.\n"


async def test_a_file_is_found_once_its_upload_is_answered(service: Running) -> None:
    async with service.client() as client:
        [document] = await upload(client, fnirs_md=FNIRS)
        found = await client.post("/search", json={"query": "What is fNIRS?"})

    [passage] = found.json()["passages"]
    assert passage["document_id"] == document["id"]
    assert passage["text"] == FNIRS.strip()
    assert passage["heading"] == "fNIRS"
    assert (passage["vector_rank"], passage["bm25_rank"]) == (1, 1)


async def test_passages_of_a_pdf_have_a_page(service: Running) -> None:
    two_pages = pdf("Light on the first page.\n" + "Light.\n" * 600, "Optodes on the second page.")

    async with service.client() as client:
        await client.post("/documents", files=[("file", ("two.pdf", two_pages))])
        found = await client.post("/search", json={"query": "optodes", "top_k": 1})

    [passage] = found.json()["passages"]
    assert "Optodes" in passage["text"]
    assert passage["page"] == 2


async def test_a_file_with_the_same_name_replaces_the_document_and_keeps_its_id(service: Running) -> None:
    async with service.client() as client:
        [first] = await upload(client, notes_md=FNIRS)
        [second] = await upload(client, notes_md=EEG)
        found = await client.post("/search", json={"query": "fNIRS light brain"})

    assert second["id"] == first["id"]
    assert second["sha256"] != first["sha256"]
    assert [passage["text"] for passage in found.json()["passages"]] == [EEG.strip()]


async def test_the_same_file_is_not_stored_twice(service: Running) -> None:
    async with service.client() as client:
        [first] = await upload(client, notes_md=FNIRS)
        [again] = await upload(client, notes_md=FNIRS)
        [renamed] = await upload(client, copy_md=FNIRS)
        listed = await client.get("/documents")

    assert again == first == renamed
    assert listed.json()["items"] == [first]


async def test_an_upload_lists_unchanged_files(service: Running) -> None:
    async with service.client() as client:
        [kept] = await upload(client, notes_md=FNIRS)
        answer = await client.post("/documents", files=files(notes_md=FNIRS, eeg_md=EEG))

    assert answer.json()["unchanged"] == [kept["id"]]


async def test_documents_are_filtered_by_name(service: Running) -> None:
    async with service.client() as client:
        await upload(client, Lab_Manual_md=FNIRS, eeg_md=EEG)
        found = [
            (await client.get("/documents", params={"q": part})).json()["items"] for part in ("manual", "b_m", "%")
        ]

    assert [[item["name"] for item in items] for items in found] == [["Lab_Manual.md"], ["Lab_Manual.md"], []]


async def test_a_document_is_replaced_even_by_a_copy_of_another(service: Running) -> None:
    async with service.client() as client:
        await upload(client, a_md=FNIRS)
        [old] = await upload(client, b_md=EEG)
        [new] = await upload(client, b_md=FNIRS)

    assert new["id"] == old["id"]
    assert new["sha256"] != old["sha256"]


async def test_a_deleted_document_is_not_found(service: Running) -> None:
    async with service.client() as client:
        [gone] = await upload(client, fnirs_md=FNIRS)
        await upload(client, eeg_md=EEG)
        deleted = await client.delete(f"/documents/{gone['id']}")
        found = await client.post("/search", json={"query": "fNIRS light brain", "top_k": 50})
        fetched = await client.get(f"/documents/{gone['id']}")

    assert deleted.status_code == httpx.codes.NO_CONTENT
    assert [passage["document"] for passage in found.json()["passages"]] == ["eeg.md"]
    assert (fetched.status_code, fetched.json()["code"]) == (404, "document_not_found")


async def test_documents_are_paged_newest_first(service: Running) -> None:
    async with service.client() as client:
        for number in range(5):
            await upload(client, **{f"n{number}_md": f"Text number {number}."})
        first = (await client.get("/documents", params={"limit": 2})).json()
        second = (await client.get("/documents", params={"limit": 2, "cursor": first["next_cursor"]})).json()
        third = (await client.get("/documents", params={"limit": 2, "cursor": second["next_cursor"]})).json()

    names = [[item["name"] for item in page["items"]] for page in (first, second, third)]
    assert names == [["n4.md", "n3.md"], ["n2.md", "n1.md"], ["n0.md"]]
    assert third["next_cursor"] is None


async def test_passages_are_the_text_between_their_offsets(service: Running) -> None:
    text = "# Große Überschrift\r\n\r\n" + "Ein Satz über 🧠 und Licht. " * 100 + "\n\n## Zweite\n\nNoch ein Absatz.\n"

    async with service.client() as client:
        [document] = await upload(client, lang_md=text)
        first = (await client.get(f"/documents/{document['id']}/passages", params={"limit": 2})).json()
        rest = (
            await client.get(f"/documents/{document['id']}/passages", params={"cursor": first["next_cursor"]})
        ).json()

    passages = first["items"] + rest["items"]
    kept = text.replace("\r\n", "\n")
    assert len(passages) == document["passages"] > 2
    assert all(passage["text"] == kept[passage["start"] : passage["end"]] for passage in passages)
    assert [passage["position"] for passage in passages] == list(range(len(passages)))
    assert passages[-1]["heading"] == "Große Überschrift › Zweite"


async def test_a_cursor_of_a_replaced_document_is_refused(service: Running) -> None:
    async with service.client() as client:
        [document] = await upload(client, long_md="Some words in a sentence. " * 200)
        page = (await client.get(f"/documents/{document['id']}/passages", params={"limit": 1})).json()
        await upload(client, long_md="Other words in a sentence. " * 200)
        answer = await client.get(f"/documents/{document['id']}/passages", params={"cursor": page["next_cursor"]})

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


async def test_html_becomes_text_with_its_headings(service: Running) -> None:
    page = "<html><body><article><h2>Optodes</h2><p>An optode touches the scalp &amp; sends light.</p></article></html>"

    async with service.client() as client:
        await upload(client, page_html=page)
        found = (await client.post("/search", json={"query": "optode"})).json()["passages"]

    assert "An optode touches the scalp & sends light." in found[0]["text"]
    assert "<p>" not in found[0]["text"]


REFUSED_FILES = [
    ("picture.png", b"\x89PNG", "unsupported_type"),
    ("no-ending", b"text", "unsupported_type"),
    ("nul.txt", b"a\x00b", "not_text"),
    ("latin1.txt", b"caf\xe9", "not_text"),
    ("utf16.md", "text".encode("utf-16-le"), "not_text"),
    ("empty.md", b"", "empty"),
    ("blank.md", b" \n\t\n", "empty"),
    ("blank.html", b"<html><body></body></html>", "empty"),
    ("large.txt", b"word " * (2 * 1024 * 1024 + 1), "too_large"),
    ("n" * 201 + ".md", b"text", "bad_name"),
    ("   ", b"text", "bad_name"),
]


async def test_an_unreadable_file_is_refused_with_a_reason(service: Running) -> None:
    async with service.client() as client:
        answers = [await client.post("/documents", files=[("file", (name, data))]) for name, data, _ in REFUSED_FILES]
        listed = await client.get("/documents")

    problems = [answer.json() for answer in answers]
    assert {(answer.status_code, answer.headers["content-type"]) for answer in answers} == {
        (422, "application/problem+json")
    }
    assert {problem["code"] for problem in problems} == {"all_refused"}
    assert [problem["refused"][0]["code"] for problem in problems] == [code for _, _, code in REFUSED_FILES]
    assert all(len(problem["refused"][0]["detail"]) > 10 for problem in problems)
    assert listed.json()["items"] == []


async def test_a_bad_file_does_not_affect_others(service: Running) -> None:
    async with service.client() as client:
        answer = await client.post("/documents", files=files(good_md=FNIRS, bad_md=b"\x00"))

    assert answer.status_code == httpx.codes.CREATED
    assert [item["name"] for item in answer.json()["items"]] == ["good.md"]
    assert [(refusal["name"], refusal["code"]) for refusal in answer.json()["refused"]] == [("bad.md", "not_text")]


async def test_a_search_covers_one_collection(service: Running) -> None:
    async with service.client() as client:
        await upload(client, "a..b-", fnirs_md=FNIRS)
        await upload(client, "other", eeg_md=EEG)
        found = await client.post("/search", json={"query": "brain scalp", "collection": "a..b-"})
        listed = await client.get("/documents", params={"collection": "other"})
        unknown = await client.post("/search", json={"query": "brain", "collection": "nope"})
        empty_default = await client.post("/search", json={"query": "brain"})

    assert [passage["document"] for passage in found.json()["passages"]] == ["fnirs.md"]
    assert [item["name"] for item in listed.json()["items"]] == ["eeg.md"]
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_collection")
    assert empty_default.json() == {"passages": []}


async def test_a_user_cannot_see_the_documents_of_another(service: Running) -> None:
    other = await service.another_user()

    async with service.client() as mine, service.client(other.api_key) as theirs:
        [document] = await upload(mine, fnirs_md=FNIRS)
        await upload(theirs, eeg_md=EEG)
        seen = [
            await theirs.get(f"/documents/{document['id']}"),
            await theirs.get(f"/documents/{document['id']}/passages"),
            await theirs.delete(f"/documents/{document['id']}"),
        ]
        unknown = await theirs.get("/documents/01890000-0000-7000-8000-000000000000")
        found = await theirs.post("/search", json={"query": "fNIRS light brain", "top_k": 50})
        still_there = await mine.get(f"/documents/{document['id']}")

    assert [answer.status_code for answer in seen] == [404, 404, 404]
    assert seen[0].json()["code"] == unknown.json()["code"]
    assert [passage["document"] for passage in found.json()["passages"]] == ["eeg.md"]
    assert still_there.status_code == httpx.codes.OK


async def test_health_is_public_and_has_counts(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, httpx.AsyncClient(base_url=service.url) as stranger:
        async with service.client() as client:
            await upload(client, fnirs_md=FNIRS)
        answer = await stranger.get("/health")

    assert answer.json() == {
        "status": "ok",
        "generator": "extractive",
        "embedder": "wordllama",
        "documents": 1,
        "passages": 1,
        "passages_to_embed": 0,
    }


async def test_a_name_that_a_client_encodes_is_read(service: Running) -> None:
    part = b"--XX\r\nContent-Disposition: form-data; name=file; %s\r\n\r\nIt costs 40 euros.\r\n"
    names = (b'filename="=?utf-8?B?UHLDvGZ1bmcubWQ=?="', b"filename*=utf-8''%C3%9Cbung.md")
    body = b"".join(part % name for name in names).replace(b"40", b"50", 1) + b"--XX--\r\n"

    async with service.client() as client:
        response = await client.post(
            "/documents", content=body, headers={"Content-Type": "multipart/form-data; boundary=XX"}
        )

    assert [item["name"] for item in response.json()["items"]] == ["Prüfung.md", "Übung.md"]


async def test_a_document_has_the_details_of_its_file(service: Running) -> None:
    async with service.client() as client:
        [document] = await upload(
            client, pump_md="---\ntitle: Pump P-3\ndate: 2026-01-02\ntags: [oil]\n---\n\nOiled weekly."
        )
        found = await client.post("/search", json={"query": "How often is the pump P-3 oiled?"})

    assert (document["title"], document["date"], document["tags"]) == ("Pump P-3", "2026-01-02", ["oil"])
    assert (document["notice"], document["outdated"]) == (None, False)
    assert found.json()["passages"][0]["text"] == "Oiled weekly."


async def test_a_document_of_an_earlier_version_is_read_again(service: Running) -> None:
    async with service.client() as client:
        [first] = await upload(client, fnirs_md=FNIRS)
        async with service.database.writing() as session:
            await session.execute(update(DocumentRow).values(details=null()))
        outdated = (await client.get(f"/documents/{first['id']}")).json()
        response = await client.post("/documents", files=files(fnirs_md=FNIRS))

    assert outdated["outdated"]
    assert response.json()["unchanged"] == []
    assert (response.json()["items"][0]["id"], response.json()["items"][0]["outdated"]) == (first["id"], False)
