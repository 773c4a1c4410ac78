"""The actions of a WebSocket client, and their refusals."""

import json
from uuid import UUID, uuid4

import pytest

from api.limits import ApiLimits
from dynavera.contracts.executions import MAX_INPUT_BYTES
from dynavera.records.users import Users
from tests.api.live import Live, dense

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = {"action": "start_agent"}


async def test_a_stop_keeps_the_partial_answer(live: Live) -> None:
    live.writes("One, ", "two, ", "three.", stops_after=2)

    async with live.worker(), live.socket() as conversation:
        execution_id = await conversation.start()
        started = await conversation.until(lambda said: said.get("event_type") == "delta")
        await conversation.say(action="stop_agent", execution_id=str(execution_id), request_id="s1")
        accepted = await conversation.answer("accepted")
        rest = await conversation.log(execution_id)

    assert accepted == {
        "type": "accepted",
        "action": "stop_agent",
        "request_id": "s1",
        "execution_id": str(execution_id),
    }
    assert dense([*started, *rest])
    ending = rest[-1]
    assert ending["type"] == "execution_stopped"
    assert ending["output_data"]["answer"] == "One, two, "
    assert ending["output_data"]["partial"] is True
    assert ending["stop"]["characters"] == len("One, two, ")


async def test_a_stop_without_an_id_stops_the_newest_that_is_live(live: Live) -> None:
    async with live.socket() as conversation:
        older, newer = await conversation.start("Older?"), await conversation.start("Newer?")
        stopped: list[str] = []
        for _ in range(2):
            await conversation.say(action="stop_agent")
            stopped.append((await conversation.answer("accepted"))["execution_id"])
        refusal = await conversation.refusal(action="stop_agent", request_id="s3")

    assert stopped == [str(newer), str(older)]
    assert (refusal["code"], refusal["action"], refusal["request_id"]) == ("nothing_to_stop", "stop_agent", "s3")


async def test_a_stop_of_an_ended_execution_changes_nothing(live: Live) -> None:
    async with live.socket() as conversation:
        execution_id = await conversation.start()
        for _ in range(2):
            await conversation.say(action="stop_agent", execution_id=str(execution_id))
            assert (await conversation.answer("accepted"))["execution_id"] == str(execution_id)

    assert await live.logs.last_sequence(execution_id) == 2


@pytest.mark.parametrize("action", ["stop_agent", "subscribe"])
async def test_an_execution_of_another_agent_or_user_is_not_found(live: Live, action: str) -> None:
    stranger = await Users(live.database).add("stranger")
    async with live.client() as mine, live.client(api_key=stranger.api_key) as theirs, live.socket() as conversation:
        ids = [str(uuid4())]
        for client in (mine, theirs):
            agent = (await client.post("/api/agents", json={"name": "Other"})).json()["id"]
            started = await client.post(f"/api/agents/{agent}/executions", json={"input_data": {"query": "Mine?"}})
            ids.append(started.json()["id"])
        refusals = [await conversation.refusal(action=action, execution_id=one) for one in ids]

    assert {(refusal["code"], refusal["action"]) for refusal in refusals} == {("not_found", action)}
    assert [refusal["message"].replace(one, "") for refusal, one in zip(refusals, ids, strict=True)] == [
        "There is no execution ''."
    ] * 3
    assert [await live.logs.status(UUID(one)) for one in ids[1:]] == ["queued", "queued"]


async def test_the_same_key_and_body_is_the_same_execution_and_another_body_a_conflict(live: Live) -> None:
    async with live.worker(), live.socket() as conversation:
        first = await conversation.start(idempotency_key="k1")
        again = await conversation.start(idempotency_key="k1")
        refusal = await conversation.refusal(
            action="start_agent", input_data={"query": "Another?"}, idempotency_key="k1", request_id="r3"
        )
        await conversation.say(action="subscribe", execution_id=str(first), after=0)
        await conversation.answer("accepted")
        log = await conversation.log(first)

    assert first == again
    assert (refusal["code"], refusal["request_id"]) == ("idempotency_conflict", "r3")
    assert dense(log)


async def test_rest_and_socket_share_idempotency_keys(live: Live) -> None:
    async with live.client() as client, live.socket() as conversation:
        answer = await client.post(
            f"/api/agents/{live.agent.id}/executions",
            json={"input_data": {"query": "What?"}},
            headers={"Idempotency-Key": "k2"},
        )
        same = await conversation.start("What?", idempotency_key="k2")

    assert answer.json()["id"] == str(same)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{not json", "invalid_json"),
        ('"start_agent"', "unknown_action"),
        ("[]", "unknown_action"),
        ("null", "unknown_action"),
        ('{"action": "dance"}', "unknown_action"),
        ('{"action": null}', "unknown_action"),
        ("{}", "unknown_action"),
        (b'{"action": "stop_agent"}', "not_text"),
        (json.dumps(START), "invalid_request"),
        (json.dumps(START | {"input_data": {"query": "  "}}), "invalid_request"),
        (json.dumps(START | {"input_data": {"query": 7}}), "invalid_request"),
        (json.dumps(START | {"input_data": {}}), "invalid_request"),
        (json.dumps(START | {"input_data": "What?"}), "invalid_request"),
        (json.dumps(START | {"input_data": {"query": "x" * MAX_INPUT_BYTES}}), "invalid_request"),
        (json.dumps(START | {"input_data": {"query": "nul\x00"}}), "invalid_request"),
        ('{"action": "start_agent", "input_data": {"query": "\\ud800"}}', "invalid"),
        ('{"action": "start_agent", "input_data": {"query": "x", "n": NaN}}', "invalid"),
        ('{"action": "start_agent", "input_data": {"query": "x", "n": 1e999}}', "invalid"),
        (json.dumps(START | {"input_data": {"query": "x"}, "idempotency_key": ""}), "invalid_request"),
        (json.dumps(START | {"input_data": {"query": "x"}, "idempotency_key": "k" * 201}), "invalid_request"),
        (json.dumps({"action": "stop_agent", "execution_id": "no-uuid"}), "invalid_request"),
        (json.dumps({"action": "subscribe", "execution_id": str(uuid4()), "after": -1}), "invalid_request"),
        (json.dumps({"action": "subscribe", "execution_id": str(uuid4()), "after": "1"}), "invalid_request"),
        (json.dumps({"action": "subscribe"}), "invalid_request"),
        ("[" * 100_000, "invalid_json"),
    ],
)
async def test_a_failed_action_is_an_error_and_the_socket_stays_open(
    live: Live, message: str | bytes, code: str
) -> None:
    async with live.socket() as conversation:
        await conversation.connection.send(message)
        refusal = await conversation.hear()
        execution_id = await conversation.start("Still there?")

    async with live.client() as client:
        stored = (await client.get("/api/executions")).json()["items"]
    assert refusal["type"] == "error"
    assert refusal["code"].startswith(code)
    assert len(refusal["message"]) < 500
    assert [one["id"] for one in stored] == [str(execution_id)]


async def test_a_refused_input_has_its_field_and_request_id(live: Live) -> None:
    async with live.socket() as conversation:
        refusal = await conversation.refusal(action="start_agent", input_data={"query": " "}, request_id="r1")

    assert "input_data" in refusal["message"]
    assert "'query' must not be blank" in refusal["message"]
    assert (refusal["action"], refusal["request_id"]) == ("start_agent", "r1")


async def test_the_error_of_an_unknown_action_has_the_request_id(live: Live) -> None:
    async with live.socket() as conversation:
        refusal = await conversation.refusal(action="dance", request_id="r2")
        nameless = await conversation.refusal(action="stop_agent", execution_id=7, request_id=["r3"])

    assert (refusal["code"], refusal["request_id"]) == ("unknown_action", "r2")
    assert "action" not in refusal
    assert (nameless["action"], "request_id" in nameless) == ("stop_agent", False)


async def test_an_invalid_id_is_not_sent_back(live: Live) -> None:
    async with live.socket() as conversation:
        refusal = await conversation.refusal(action="stop_agent", execution_id="zzz-secret", request_id="r4")

    assert "must be a UUID" in refusal["message"]
    assert "z" not in refusal["message"]
    assert refusal["request_id"] == "r4"


async def test_a_message_that_is_too_large_closes_the_socket_with_1009(live: Live) -> None:
    async with live.socket() as conversation:
        await conversation.connection.send("x" * (ApiLimits().socket_message_bytes + 1))

        assert await conversation.closed_with() == 1009


async def test_the_largest_input_fits_into_one_message_however_it_is_escaped(live: Live) -> None:
    query = "ü" * 32_000
    async with live.socket() as conversation:
        execution_id = await conversation.start(query)
        started = await conversation.answer("execution_started")

    assert len(json.dumps({"query": query})) > 2 * MAX_INPUT_BYTES
    assert started["execution_id"] == str(execution_id)
    assert started["input_data"] == {"query": query}


async def test_a_start_while_temporal_is_away_runs_when_it_is_back(live: Live) -> None:
    away = await live.temporal_that_is_away()
    async with live.another_api(away) as url, live.socket(url) as conversation:
        execution_id = await conversation.start()
        first = await conversation.answer("execution_started")
    async with live.worker(), live.socket() as conversation:
        await conversation.say(action="subscribe", execution_id=str(execution_id), after=0)
        log = await conversation.log(execution_id)

    assert log[0] == first
    assert dense(log)
