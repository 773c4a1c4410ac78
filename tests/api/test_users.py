"""Users and API keys over REST."""

import httpx

from dynavera.identifiers import new_id
from tests.api.conftest import Api


async def test_a_key_is_shown_once_and_works_until_it_is_revoked(api: Api, client: httpx.AsyncClient) -> None:
    made = (await client.post("/api/keys", json={"name": "laptop"})).json()

    listed = (await client.get("/api/keys")).json()
    async with api.client(made["api_key"]) as laptop:
        before = await laptop.get("/api/me")
        deleted = await client.delete(f"/api/keys/{made['id']}")
        after = await laptop.get("/api/me")

    assert [key["name"] for key in listed["items"]] == ["first user's token", "laptop"]
    assert all(key.keys() == {"id", "name", "created_at", "revocable"} for key in listed["items"])
    assert [key["revocable"] for key in listed["items"]] == [False, True]
    assert (before.status_code, deleted.status_code, after.status_code) == (200, 204, 401)


async def test_the_token_of_the_settings_cannot_be_revoked(client: httpx.AsyncClient) -> None:
    key_id = (await client.get("/api/keys")).json()["items"][0]["id"]

    answer = await client.delete(f"/api/keys/{key_id}")

    assert (answer.status_code, answer.json()["code"]) == (409, "key_stays")
    assert "DYNAVERA_TOKEN" in answer.json()["detail"]
    assert (await client.get("/api/me")).status_code == 200


async def test_another_users_key_answers_exactly_like_none(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    key_id, unknown = (await client.get("/api/keys")).json()["items"][0]["id"], str(new_id())

    of_another = await stranger.delete(f"/api/keys/{key_id}")
    of_nobody = await stranger.delete(f"/api/keys/{unknown}")

    assert of_another.status_code == of_nobody.status_code == 404
    assert of_another.text.replace(key_id, unknown) == of_nobody.text
    assert (await client.get("/api/me")).status_code == 200


async def test_new_users_have_none_of_the_owners_data(api: Api, client: httpx.AsyncClient) -> None:
    await client.post("/api/agents", json={"name": "Librarian"})
    made = (await client.post("/api/users", json={"name": "guest"})).json()
    twice = await client.post("/api/users", json={"name": "guest"})

    async with api.client(made["api_key"]) as guest:
        me = (await guest.get("/api/me")).json()
        agents = (await guest.get("/api/agents")).json()
    listed = (await client.get("/api/users")).json()

    assert me == {key: value for key, value in made.items() if key != "api_key"}
    assert (me["name"], me["owner"], agents["items"]) == ("guest", False, [])
    assert (twice.status_code, twice.json()["code"]) == (409, "user_name_taken")
    assert [user["name"] for user in listed["items"]] == ["owner", "guest"]


async def test_only_the_owner_sees_and_changes_users(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    owner_id = (await client.get("/api/me")).json()["id"]

    for answer in (
        await stranger.get("/api/users"),
        await stranger.post("/api/users", json={"name": "friend"}),
        await stranger.patch(f"/api/users/{owner_id}", json={"active": False}),
        await stranger.patch(f"/api/users/{new_id()}", json={"active": False}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "owner_only")

    assert len((await client.get("/api/users")).json()["items"]) == 2


async def test_the_owner_cannot_be_deactivated(client: httpx.AsyncClient) -> None:
    owner_id = (await client.get("/api/me")).json()["id"]

    answer = await client.patch(f"/api/users/{owner_id}", json={"active": False})
    unknown = await client.patch(f"/api/users/{new_id()}", json={"active": False})

    assert (answer.status_code, answer.json()["code"]) == (409, "owner_stays")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (await client.get("/api/me")).json()["active"]
