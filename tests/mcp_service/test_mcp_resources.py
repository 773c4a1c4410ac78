"""Documents as MCP resources, with the official client over HTTP."""

import pytest
from mcp import MCPError
from mcp_types import INVALID_PARAMS, TextResourceContents

from mcp_service.mcp_resources import MAX_PART_CHARACTERS, PAGE_SIZE
from tests.mcp_service.clients import REVISIONS, mcp_client
from tests.mcp_service.running import Running, files, upload

UNKNOWN = "dynavera://documents/01890000-0000-7000-8000-000000000000"


def uri_of(document: dict[str, str]) -> str:
    return f"dynavera://documents/{document['id']}"


@pytest.mark.parametrize("mode", REVISIONS)
async def test_a_document_is_listed_and_read(service: Running, mode: str) -> None:
    async with service.client() as plain, mcp_client(service, mode=mode) as client:
        [document] = await upload(plain, "lab", skull_md="# Skull\n\nLight passes through it.")
        [resource] = (await client.list_resources()).resources
        [template] = (await client.list_resource_templates()).resource_templates
        [read] = (await client.read_resource(resource.uri)).contents

    assert resource.uri == uri_of(document)
    assert (resource.name, resource.mime_type) == ("skull.md", "text/markdown")
    assert "'lab'" in (resource.description or "")
    assert template.uri_template == "dynavera://documents/{document_id}{?offset}"
    assert isinstance(read, TextResourceContents)
    assert (read.text, read.mime_type) == ("# Skull\n\nLight passes through it.", "text/markdown")


async def test_many_documents_are_listed_page_by_page(service: Running) -> None:
    contents = {f"n{number}_txt": f"Document number {number}." for number in range(PAGE_SIZE + 3)}

    async with service.client() as plain, mcp_client(service) as client:
        await upload(plain, **contents)
        first = await client.list_resources()
        second = await client.list_resources(cursor=first.next_cursor)

    assert (len(first.resources), len(second.resources)) == (PAGE_SIZE, 3)
    assert len({resource.uri for resource in first.resources + second.resources}) == PAGE_SIZE + 3
    assert second.next_cursor is None


async def test_a_long_document_is_read_in_parts(service: Running) -> None:
    text = "Das Gehirn 🧠 braucht Licht. " * (MAX_PART_CHARACTERS // 20)
    parts: list[str] = []

    async with service.client() as plain, mcp_client(service) as client:
        [document] = await upload(plain, long_txt=text)
        uri: str | None = uri_of(document)
        while uri is not None:
            part, *rest = (await client.read_resource(uri)).contents
            assert isinstance(part, TextResourceContents)
            parts.append(part.text)
            uri = rest[0].uri if rest else None

    assert len(parts) > 1
    assert "".join(parts).strip() == text.strip()


NOT_THERE = {
    UNKNOWN: "document_not_found",
    "dynavera://documents/nobody": "resource_not_found",
    "dynavera://documents/": "resource_not_found",
    "dynavera://documents/../../etc/passwd": "resource_not_found",
    "dynavera://users/01890000-0000-7000-8000-000000000000": "resource_not_found",
    "file:///etc/passwd": "resource_not_found",
    "": "resource_not_found",
    f"{UNKNOWN}?offset=-1": "resource_not_found",
    f"{UNKNOWN}?offset=1e9": "resource_not_found",
    f"{UNKNOWN}?offset=²": "resource_not_found",
    f"{UNKNOWN}?offset={'9' * 5000}": "resource_not_found",
}


async def test_unknown_resources_are_invalid_params(service: Running) -> None:
    refused: list[MCPError] = []

    async with mcp_client(service) as client:
        for uri in NOT_THERE:
            with pytest.raises(MCPError) as error:
                await client.read_resource(uri)
            refused.append(error.value)

    assert [error.data["code"] for error in refused] == list(NOT_THERE.values())
    assert {error.code for error in refused} == {INVALID_PARAMS}


async def test_a_deleted_document_is_not_a_resource(service: Running) -> None:
    async with service.client() as plain, mcp_client(service) as client:
        [document] = await upload(plain, a_md="Soon gone.")
        await client.read_resource(uri_of(document))
        await plain.delete(f"/documents/{document['id']}")
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri_of(document))
        listed = await client.list_resources()

    assert refused.value.data["code"] == "document_not_found"
    assert listed.resources == []


async def test_an_offset_past_the_end_is_refused(service: Running) -> None:
    async with service.client() as plain, mcp_client(service) as client:
        [document] = await upload(plain, a_md="Nine long words are not enough for this offset.")
        with pytest.raises(MCPError, match="has 47 characters"):
            await client.read_resource(f"{uri_of(document)}?offset=48")


async def test_an_invalid_cursor_is_refused(service: Running) -> None:
    async with mcp_client(service) as client:
        with pytest.raises(MCPError) as refused:
            await client.list_resources(cursor="xx")

    assert (refused.value.code, refused.value.data["code"]) == (INVALID_PARAMS, "bad_cursor")


@pytest.mark.parametrize("mode", REVISIONS)
async def test_the_document_of_another_user_is_not_found(service: Running, mode: str) -> None:
    other = await service.another_user()

    async with service.client() as plain, mcp_client(service, other.api_key, mode) as theirs:
        [document] = await upload(plain, mine_md="Something of mine.")
        listed = await theirs.list_resources()
        with pytest.raises(MCPError) as foreign:
            await theirs.read_resource(uri_of(document))
        with pytest.raises(MCPError) as unknown:
            await theirs.read_resource(UNKNOWN)

    assert listed.resources == []
    assert foreign.value.error.model_dump_json().replace(document["id"], UNKNOWN.rpartition("/")[2]) == (
        unknown.value.error.model_dump_json()
    )


async def test_a_document_keeps_its_uri_when_it_is_replaced(service: Running) -> None:
    async with service.client() as plain, mcp_client(service) as client:
        [before] = await upload(plain, a_md="The first version.")
        await plain.post("/documents", files=files(a_md="The second version."))
        [read] = (await client.read_resource(uri_of(before))).contents

    assert isinstance(read, TextResourceContents)
    assert read.text == "The second version."
