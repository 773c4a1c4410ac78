"""The checks of every request: host, origin, size, credential."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from dynavera.contracts.mcp import USER_HEADER
from dynavera.records.users import Users
from dynavera.settings import Settings
from mcp_service.limits import ServiceLimits
from mcp_service.request_policy import allowed_addresses
from tests.mcp_service.running import Running, running_service, upload


@pytest.fixture
async def stranger(service: Running) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
        yield client


EVERYWHERE = ["/health", "/documents", "/mcp"]
CLOSED = [
    ("POST", "/mcp"),
    ("GET", "/mcp"),
    ("POST", "/execute"),
    ("POST", "/search"),
    ("GET", "/documents"),
    ("POST", "/documents"),
    ("DELETE", "/documents/01890000-0000-7000-8000-000000000000"),
    ("GET", "/openapi.json"),
    ("GET", "/no/such/path"),
]


async def test_every_path_requires_a_valid_credential(stranger: httpx.AsyncClient) -> None:
    shown = [None, b"Bearer wrong", b"Bearer", b"Basic abc", b"wrong", "Bearer wröng".encode()]

    answers = [
        await stranger.request(method, path, headers=None if show is None else [(b"Authorization", show)])
        for method, path in CLOSED
        for show in shown
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(401, "unauthenticated")}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in answers)


async def test_the_challenge_distinguishes_missing_and_invalid_credentials(stranger: httpx.AsyncClient) -> None:
    nothing = await stranger.post("/mcp")
    wrong = await stranger.post("/mcp", headers={"Authorization": "Bearer dyn_wrong"})

    assert nothing.headers["www-authenticate"] == 'Bearer realm="dynavera"'
    assert wrong.headers["www-authenticate"].startswith('Bearer realm="dynavera", error="invalid_token"')


async def test_two_credentials_are_refused(service: Running, stranger: httpx.AsyncClient) -> None:
    other = await service.another_user()
    both = [("Authorization", f"Bearer {service.owner_key}"), ("Authorization", f"Bearer {other.api_key}")]

    answer = await stranger.get("/documents", headers=both)

    assert answer.status_code == httpx.codes.UNAUTHORIZED


async def test_a_deactivated_user_is_refused(service: Running) -> None:
    other = await service.another_user()

    async with service.client(other.api_key) as client:
        before = await client.get("/documents")
        await Users(service.database).set_active(other.id, active=False)
        after = await client.get("/documents")

    assert (before.status_code, after.status_code) == (200, 401)


async def test_another_host_name_is_refused(service: Running) -> None:
    hosts = ["evil.example", "evil.example:8001", "127.0.0.1.evil.example", "[::2]", ""]

    async with service.client() as client:
        answers = [await client.get(path, headers={"Host": host}) for path in EVERYWHERE for host in hosts]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(421, "foreign_host")}


async def test_another_origin_is_refused(service: Running) -> None:
    async with service.client(Origin="https://evil.example") as client:
        answers = [await client.get(path) for path in EVERYWHERE]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "foreign_origin")}


async def test_a_local_origin_is_allowed(service: Running) -> None:
    async with service.client(Origin="http://localhost:5173") as client:
        answer = await client.get("/documents")

    assert answer.status_code == httpx.codes.OK


ORIGINS = {
    "http://localhost:5173": 200,
    "https://[::1]:8443": 200,
    "HTTP://LOCALHOST": 200,
    "https://page.example": 200,
    "null": 403,
    "": 403,
    "http://": 403,
    "http://[::1": 403,
    "file://localhost": 403,
    "http://localhost@evil.example": 403,
    "http://evil.example#localhost": 403,
    "http://localhost/": 403,
    "http://localhost.evil.example": 403,
    "http://page.example": 403,
}


async def test_origins_are_compared_completely(tmp_path: Path) -> None:
    allowed = ("https://page.example",)

    async with running_service(tmp_path, allowed_origins=allowed) as service, service.client() as client:
        answers = {
            origin: (await client.get("/documents", headers={"Origin": origin})).status_code for origin in ORIGINS
        }

    assert answers == ORIGINS


HOSTS: dict[tuple[str, ...], int] = {
    ("localhost",): 200,
    ("LocalHost:8001",): 200,
    ("127.0.0.1:1",): 200,
    ("[::1]:8001",): 200,
    (" localhost \t",): 200,
    (): 400,
    ("localhost", "localhost"): 400,
    ("localhost", "evil.example"): 400,
    ("",): 421,
    ("0.0.0.0:8001",): 421,
    ("evil.example",): 421,
    ("evil.example, localhost",): 421,
    ("localhost:8001.evil.example",): 421,
    ("localhost:",): 421,
    ("user@localhost",): 421,
    ("[::1",): 421,
    ("::1",): 421,
}


async def test_hosts_are_checked_on_all_interfaces_too(tmp_path: Path) -> None:
    async with running_service(tmp_path, mcp_host="0.0.0.0") as service:
        answers = {named: await status_of(service, named) for named in HOSTS}

    assert answers == HOSTS


async def status_of(service: Running, hosts: tuple[str, ...]) -> int:
    """The status of a raw request with these Host headers."""
    address = httpx.URL(service.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    lines = ["GET /documents HTTP/1.1", *(f"Host: {host}" for host in hosts)]
    lines += [f"Authorization: Bearer {service.owner_key}", "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1])


@pytest.mark.parametrize("host", ["mcp-agent-server:8001", "MCP-agent-server:8001", "127.0.0.1", "[::1]:8001"])
def test_hosts_of_the_settings_are_allowed(host: str) -> None:
    settings = Settings(mcp_host="0.0.0.0", mcp_allowed_hosts=("mcp-agent-server:8001",))

    assert allowed_addresses(settings).allows_host(host)


@pytest.mark.parametrize("host", ["mcp-agent-server:9999", "0.0.0.0:8001", "x", "localhost.evil:1", ":8001"])
def test_other_hosts_are_refused(host: str) -> None:
    settings = Settings(mcp_host="0.0.0.0", mcp_allowed_hosts=("mcp-agent-server:8001",))

    assert not allowed_addresses(settings).allows_host(host)


def test_the_listening_address_is_allowed() -> None:
    assert allowed_addresses(Settings(mcp_host="fd00::7")).allows_host("[fd00::7]:8001")


async def test_the_service_token_names_a_user_in_the_header(service: Running) -> None:
    other = await service.another_user()
    token = service.service_token.get_secret_value()

    async with service.client() as mine, service.client(token) as for_first:
        await upload(mine, mine_md="Something of mine.")
        async with service.client(token, **{USER_HEADER: str(other.id)}) as for_other:
            theirs = await for_other.get("/documents")
        first = await for_first.get("/documents")

    assert theirs.json()["items"] == []
    assert [item["name"] for item in first.json()["items"]] == ["mine.md"]


async def test_a_users_key_cannot_name_another_user_in_the_header(service: Running) -> None:
    other = await service.another_user()

    async with service.client(other.api_key, **{USER_HEADER: str(service.owner.id)}) as client:
        answer = await client.get("/documents")

    assert (answer.status_code, answer.json()["code"]) == (403, "not_yourself")


@pytest.mark.parametrize(("named", "status"), [("nobody", 422), ("01890000-0000-7000-8000-000000000000", 404)])
async def test_an_unknown_user_in_the_header_is_refused(service: Running, named: str, status: int) -> None:
    async with service.client(service.service_token.get_secret_value(), **{USER_HEADER: named}) as client:
        answer = await client.get("/documents")

    assert answer.status_code == status


BAD: list[tuple[str, str, bytes | None, int]] = [
    ("GET", "/documents?limit=0", None, 422),
    ("GET", "/documents?limit=1001", None, 422),
    ("GET", "/documents?limit=many", None, 422),
    ("GET", "/documents?cursor=xx", None, 422),
    ("GET", "/documents?collection=..%2Fetc", None, 422),
    ("GET", "/documents/not-an-id", None, 422),
    ("GET", "/documents/01890000-0000-7000-8000-000000000000", None, 404),
    ("PUT", "/documents", None, 405),
    ("GET", "/no/such/path", None, 404),
    ("POST", "/documents", b"", 415),
    ("POST", "/search", b"{", 422),
    ("POST", "/search", b"[]", 422),
    ("POST", "/search", b"\xff", 422),
    ("POST", "/search", b"[" * 100_000, 422),
    ("POST", "/search", b'{"query": "\\ud800"}', 422),
    ("POST", "/search", b'{"query": "a\\u0000b"}', 422),
    ("POST", "/search", b'{"query": " "}', 422),
    ("POST", "/search", b'{"query": 1e999}', 422),
    ("POST", "/search", b'{"query": "q", "top_k": NaN}', 422),
    ("POST", "/search", b'{"query": "q", "top_k": 51}', 422),
    ("POST", "/search", b'{"query": "q", "other": 1}', 422),
    ("POST", "/search", b'{"query": "' + b"q" * 65_537 + b'"}', 422),
    ("POST", "/execute", b'{"query": "q"}', 422),
    ("POST", "/execute", b'{"query": "q", "agent_id": "01890000-0000-7000-8000-000000000000"}', 404),
    ("POST", "/execute", b'{"query": "q", "agent_id": "x"}', 422),
]


async def test_bad_input_is_refused_with_a_reason(service: Running) -> None:
    async with service.client(**{"Content-Type": "application/json"}) as client:
        answers = [await client.request(method, path, content=body) for method, path, body, _ in BAD]

    assert [(*bad[:3], answer.status_code) for bad, answer in zip(BAD, answers, strict=True)] == BAD
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert all({"title", "status", "detail", "code"} <= set(answer.json()) for answer in answers)


FORM = "multipart/form-data; boundary=x"
NAMED = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\nText.\r\n--x--\r\n'
WRONG_BODIES = [
    ("/search", "application/json", b"{", "invalid_json"),
    ("/search", "application/json", b"\xff", "invalid_json"),
    ("/search", "application/json", b"[" * 100_000, "invalid_json"),
    ("/search", "application/json", b'{"query": NaN}', "invalid_json"),
    ("/search", "text/plain", b'{"query": "q"}', "not_json"),
    ("/execute", "application/x-www-form-urlencoded", b"query=q", "not_json"),
    ("/documents", "application/json", b'{"file": "a.md"}', "not_form"),
    ("/documents", "application/x-www-form-urlencoded", b"file=a.md", "not_form"),
    ("/documents", "multipart/form-data", NAMED, "invalid_form"),
    ("/documents", FORM, b"not a form", "invalid_form"),
    ("/documents", FORM, NAMED.replace(b'name="file"; ', b""), "invalid_form"),
    ("/documents", FORM, NAMED.replace(b'; filename="a.md"', b""), "invalid_request"),
    ("/documents", FORM, NAMED.replace(b'"file"', b'"other"'), "invalid_request"),
]


async def test_a_body_with_another_media_type_is_refused_as_in_the_api(service: Running) -> None:
    async with service.client() as client:
        answers = [
            await client.post(path, content=body, headers={"Content-Type": kind})
            for path, kind, body, _ in WRONG_BODIES
        ]

    problems = [answer.json() for answer in answers]
    assert [problem["code"] for problem in problems] == [code for *_, code in WRONG_BODIES]
    assert [answer.status_code for answer in answers] == [
        415 if code in ("not_json", "not_form") else 422 for *_, code in WRONG_BODIES
    ]
    assert {problem["title"] for problem in problems} == {"Unprocessable Content", "Unsupported Media Type"}


async def test_validation_errors_are_in_plain_words(service: Running) -> None:
    agent_id = "01890000-0000-7000-8000-000000000000"

    async with service.client() as client:
        answers = [
            await client.post("/documents", files={"file": (None, "a.md")}),
            await client.post("/search", json={"query": "q" * 65_537}),
            await client.post("/execute", json={"query": " ", "agent_id": agent_id}),
            await client.post("/execute", json={"query": "q", "agent_id": "secret"}),
        ]

    assert [answer.json()["detail"] for answer in answers] == [
        "body.file.0: must be a file, sent with a file name",
        "body.query: must have at most 65536 characters, and has 65537",
        "body.query: must not be blank: it is the question",
        "body.agent_id: must be a UUID",
    ]


async def test_a_body_that_is_too_large_is_refused(service: Running) -> None:
    async with service.client(**{"Content-Type": "application/json"}) as client:
        declared = await client.post("/search", content=b"x" * (8 * 1024 * 1024 + 1))
        undeclared = await client.post("/search", content=_pieces(9))

    assert (declared.status_code, declared.json()["code"]) == (413, "too_large")
    assert (undeclared.status_code, undeclared.json()["code"]) == (413, "too_large")


QUERIES = ['"', '""', "*", "NEAR(a b)", "a AND", "col:x", "(", "a OR OR b", "-x", "{a}", "^a", "'; DROP", "🧠", "a+b"]


async def test_no_query_is_a_syntax_error(service: Running) -> None:
    async with service.client() as client:
        await upload(client, a_md="A document about brains and light.")
        answers = [await client.post("/search", json={"query": query}) for query in QUERIES]

    assert {answer.status_code for answer in answers} == {200}


async def test_an_unavailable_database_is_a_503_with_retry_after(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, service.client() as client:
        (tmp_path / "records.sqlite3").rename(tmp_path / "away")
        (tmp_path / "records.sqlite3").mkdir()
        await service.database.close()
        answer = await client.get("/documents")
        (tmp_path / "records.sqlite3").rmdir()
        (tmp_path / "away").rename(tmp_path / "records.sqlite3")
        back = await client.get("/documents")

    assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
    assert int(answer.headers["retry-after"]) > 0
    assert back.status_code == httpx.codes.OK


async def _pieces(count: int) -> AsyncGenerator[bytes]:
    for _ in range(count):
        yield b"x" * (1024 * 1024)


BODIES = {
    "/documents": ("multipart/form-data; boundary=x", "--x"),
    "/search": ("application/json", "{"),
    "/mcp": ("application/json", "{"),
}
"""The media type of each path, and the start of a body."""


@asynccontextmanager
async def half_a_request(service: Running, path: str, key: str) -> AsyncGenerator[asyncio.StreamReader]:
    """A request that the service is reading and whose body stalls; yields the reader of its answer."""
    address = httpx.URL(service.url)
    media_type, start = BODIES[path]
    reader, writer = await asyncio.open_connection(address.host, address.port)
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}"]
    lines += [f"Content-Type: {media_type}", "Accept: application/json, text/event-stream", "Content-Length: 1000"]
    writer.write("\r\n".join([*lines, "Expect: 100-continue", "", ""]).encode())
    try:
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(start.encode())
        yield reader
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("path", BODIES)
async def test_a_body_that_stalls_times_out(tmp_path: Path, path: str) -> None:
    limits = ServiceLimits(body_timeout=timedelta(milliseconds=100))

    async with (
        running_service(tmp_path, limits=limits) as service,
        half_a_request(service, path, service.owner_key) as reader,
        asyncio.timeout(10),
    ):
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_silent"' in answer


async def test_too_many_requests_of_a_user_do_not_affect_others(tmp_path: Path) -> None:
    async with running_service(tmp_path, max_requests_per_user=2) as service, AsyncExitStack() as opened:
        other = await service.another_user()
        for _ in range(2):
            await opened.enter_async_context(half_a_request(service, "/search", service.owner_key))
        mine = await opened.enter_async_context(service.client())
        others = [
            await opened.enter_async_context(service.client(key))
            for key in (other.api_key, service.service_token.get_secret_value())
        ]

        refused = await mine.get("/documents")
        answers = [await client.get("/documents") for client in others] + [await mine.get("/health")]

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert int(refused.headers["retry-after"]) > 0
    assert [answer.status_code for answer in answers] == [200, 200, 200]


async def test_the_public_addresses_are_allowed_host_and_origin(tmp_path: Path) -> None:
    page = "https://dynavera.example"

    async with (
        running_service(tmp_path, mcp_public_url="https://mcp.example", public_url=page) as service,
        service.client(Host="mcp.example", Origin=page) as client,
    ):
        answer = await client.get("/documents")

    assert answer.status_code == httpx.codes.OK
