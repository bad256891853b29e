"""Objects of the realm style: how they are made, shown, changed and refused, and what stands around them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from crossbar.settings import Rate
from crossbar.testing import QUICK, Client, Clock, World, small_world

from .realm_desk import ADMIN, API, NOWHERE, Desk, desk_in, told


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of the test's own."""
    return await desk_in(world)


# Making and changing.


async def test_where_a_new_one_is(desk: Desk) -> None:
    """`Location` is its own path, with ids in the place of aliases, whatever words led there."""
    extension = await desk.extension("101")
    own = f"{API}/client/{desk.id}/extension/{extension}"
    for path in (
        "/extension/@101/phone/",
        f"/extension/@{desk.prefix}*101/phone",
        "//api/ver1.0//extension/@101/phone/",
    ):
        made = await desk.ask("POST", path, {"name": "Desk"})
        assert (201, f"{own}/phone/{made.json()['id']}") == (made.status, made.headers["location"])
        assert made.json() == await desk.get(f"/{made.headers['location']}")
    made = await desk.ask("POST", "/client/@me/phone/", {"name": "Desk"})
    assert f"{API}/client/{desk.id}/phone/{made.json()['id']}" == made.headers["location"]
    client = Client(desk.world.app, None, "", root_path="/phones")
    headers = {"authorization": f"Bearer {desk.token}"}
    below = await client.request("POST", f"{API}/phone/", body=b'{"name":"Desk"}', headers=headers)
    assert f"/phones{API}/client/{desk.id}/phone/{below.json()['id']}" == below.headers["location"]


async def test_a_client_below(desk: Desk) -> None:
    """A new client goes below the one in the path; its path leads to it."""
    made = await desk.ask("POST", f"/client/{desk.id}/client/", {"name": f"Branch of {desk.prefix}"})
    assert (201, "active") == (made.status, made.json()["status"])
    assert made.json() == await desk.get(f"/client/{made.json()['id']}")


@pytest.mark.parametrize(
    ("noun", "data"),
    [
        ("extension", {"name": "301", "type": "queue", "login": "grace", "password": "correct horse"}),
        ("phone", {"name": "Desk", "mac_address": "00:11:22:33:44:55", "sip": {"username": "desk"}}),
        ("extension_group", {"name": "Sales"}),
        ("event", {"url": "https://example.com/hook", "method": "GET", "event_type": "dial-in"}),
        ("record", {"call_id": "leg", "init_time_gmt": "2026-05-28 20:26:40", "direction": "inbound"}),
        ("user", {"first_name": "Grace", "last_name": "Hopper"}),
        ("application", {"name": "Desk", "grants": ["password"]}),
    ],
)
async def test_what_is_shown_may_be_sent_back(desk: Desk, noun: str, data: dict[str, Any]) -> None:
    """PUT with what GET has shown changes nothing, neither what is shown nor what is stored."""
    made = await desk.made(f"/client/@me/{noun}/", data)
    path = f"/client/@me/{noun}/{made['id']}"
    shown = await desk.get(path)
    kind = {"extension": "users", "phone": "devices", "event": "webhooks", "record": "recordings", "user": "users"}
    kind |= {"extension_group": "groups", "application": "applications"}
    before = await desk.stored(kind[noun], made["id"])
    changed = await desk.ask("PUT", path, shown)
    assert (200, shown) == (changed.status, changed.json())
    assert before == await desk.stored(kind[noun], made["id"])
    assert {**shown, "flags": ["x"]} == (await desk.ask("PUT", path, {"flags": ["x"]})).json()
    changed = await desk.ask("PUT", path, {"flags": None})
    assert shown.get("flags") is changed.json().get("flags") is None


async def test_what_is_not_set_is_null(desk: Desk) -> None:
    """Every field that a resource knows is there, in objects and in lists, but for those that nobody is shown."""
    phone = await desk.made("/client/@me/phone/", {"name": "Desk"})
    assert (None, None, None) == tuple(phone[name] for name in ("mac_address", "extension_id", "timezone"))
    assert phone == (await desk.get("/client/@me/phone/"))[0]
    extension = await desk.made("/client/@me/extension/", {"name": "101"})
    assert {"login", "email", "extension_group_id", "caller_id"} <= {*extension}
    assert not {"password", "username", "number", "enabled", "extension_type"} & {*extension}
    assert not {"secret"} & {*(await desk.get("/client/@me/phone/"))[0]}


async def test_null_at_any_depth(desk: Desk) -> None:
    """In a new one, null says that there is no value; in a change, it takes the value away."""
    made = await desk.made(
        "/client/@me/phone/", {"name": "Desk", "owner": None, "sip": {"username": "desk", "realm": None}}
    )
    assert "realm" not in made["sip"]
    changed = await desk.ask(
        "PUT", f"/client/@me/phone/{made['id']}", {"sip": {"username": None, "realm": "x.example.com"}}
    )
    assert ("x.example.com", False) == (changed.json()["sip"]["realm"], "username" in changed.json()["sip"])
    response = await desk.ask("PUT", f"/client/@me/phone/{made['id']}", {"name": None})
    assert "name: Field is required" in told(response, 400, "validation_error")


async def test_what_there_is_once(desk: Desk) -> None:
    """The limits of a client are at their word; who is above sets them, and null brings a default back."""
    below = await desk.below()
    assert -1 == (await below.get("/client/@me/limit/"))["users"]
    path = f"/client/{below.id}/limit/"
    for value, shown in ((3, 3), (None, -1)):
        changed = await desk.ask("PUT", path, {"users": value})
        assert (200, shown) == (changed.status, changed.json()["users"])
    told(await below.ask("PUT", "/client/@me/limit/", {"users": 9}), 403, "access_denied")
    response = await desk.ask("DELETE", path)
    assert (405, "GET, HEAD, PUT, OPTIONS") == (response.status, response.headers["allow"])


async def test_changes_at_once(desk: Desk) -> None:
    """`If-Match` holds against the present state, as `ETag` names it."""
    phone = (await desk.made("/client/@me/phone/", {"name": "Desk"}))["id"]
    tag = (await desk.ask("GET", f"/phone/{phone}")).headers["etag"]
    assert 304 == (await desk.ask("GET", f"/phone/{phone}", if_none_match=tag)).status
    assert 200 == (await desk.ask("PUT", f"/phone/{phone}", {"name": "Lab"}, if_match=tag)).status
    told(await desk.ask("PUT", f"/phone/{phone}", {"name": "Ship"}, if_match=tag), 412, "precondition_failed")


# Refusals.


@pytest.mark.parametrize(
    ("path", "word"),
    [
        (f"/client/{NOWHERE}", "client_not_found"),
        (f"/client/{NOWHERE}/phone/", "client_not_found"),
        ("/client/1/extension/2/phone/3", "client_not_found"),
        (f"/client/@me/phone/{NOWHERE}", "phone_not_found"),
        (f"/extension/{NOWHERE}/phone/", "extension_not_found"),
        (f"/extension_group/{NOWHERE}/extension/", "extension_group_not_found"),
        (f"/record/{NOWHERE}", "record_not_found"),
        (f"/client/@me/voicemail/{NOWHERE}", "voicemail_not_found"),
        ("/timezone/Mars", "timezone_not_found"),
        ("/nonsense/", "not_found"),
        ("/client/@me/nonsense/", "not_found"),
        ("/phone/1/extension/", "faulty_request"),
    ],
)
async def test_what_is_not_there(desk: Desk, path: str, word: str) -> None:
    """`status` says what of the path there is not."""
    told(await desk.ask("GET", path), 404, word)


async def test_who_may_not(desk: Desk) -> None:
    """403 with `access_denied`, 401 with the message that clients look for."""
    token = await desk.token_of(await desk.extension("101"))
    told(await desk.ask("POST", f"/client/{desk.id}/extension/", {"name": "102"}, token=token), 403, "access_denied")
    told(await desk.ask("DELETE", "/extension/@me", token=token), 403, "access_denied")
    for wrong in ("", "nonsense", desk.token[:-2], f"{desk.token}x"):
        assert "Unauthorized" == told(await desk.ask("GET", "/client/@me/phone/", token=wrong), 401, "unauthorized")


async def test_a_token_that_has_expired() -> None:
    """The message is the same; the word tells clients that another token would help."""
    clock = Clock()
    world = await small_world(clock=clock)
    try:
        desk = Desk(world, world.master, await world.token("master"), "")
        assert 200 == (await desk.ask("GET", "/user/")).status
        clock.now += world.app.settings.auth.token_life + 1
        assert "Unauthorized" == told(await desk.ask("GET", "/user/"), 401, "token_expired")
    finally:
        await world.app.stop()


async def test_bodies_that_are_none(desk: Desk) -> None:
    """Not an object, too deep, of a type that nobody reads: each is said, and not `Bad Request`."""
    for body in (b"[]", b'"x"', b"1", b"null"):
        message = told(await desk.ask("POST", "/client/@me/phone/", body=body), 400, "invalid_envelope")
        assert "must be a JSON object" in message
    deep = b'{"a":' * 100 + b"1" + b"}" * 100
    assert "nested" in told(await desk.ask("POST", "/client/@me/phone/", body=deep), 400, "invalid_envelope")
    for content_type in ("text/xml", "multipart/form-data; boundary=x"):
        response = await desk.ask("POST", "/client/@me/phone/", body=b"<a/>", content_type=content_type)
        told(response, 415, "unsupported_media_type")


async def test_several_faults_at_once(desk: Desk) -> None:
    """All of them stand in the message, by the names of this API, a nested one by its path."""
    data = {"name": "x y", "type": 5, "login": "?", "caller_id": {"external": {"number": 5}}}
    message = told(await desk.ask("POST", "/client/@me/extension/", data), 400, "validation_error")
    for name in ("name: ", "type: ", "caller_id.external.number: "):
        assert name in message
    assert "extension_type" not in message
    await desk.extension("101")
    assert "name: " in told(await desk.ask("POST", "/client/@me/extension/", {"name": "101"}), 400, "validation_error")


async def test_times_that_are_none(desk: Desk) -> None:
    """A time is a text in one of the forms; both forms are taken, and the result is shown in one."""
    for value in ("yesterday", 63_947_190_400, ["2026-05-28"], "2026-02-30 00:00:00"):
        response = await desk.ask("POST", "/client/@me/record/", {"call_id": "leg", "init_time_gmt": value})
        assert "init_time_gmt: " in told(response, 400, "validation_error")
    for value in ("2026-05-28 20:26:40", "2026-05-28T20:26:40Z", "2026-05-28T22:26:40+02:00", "2026-05-28 20:26:40.76"):
        made = await desk.made("/client/@me/record/", {"call_id": "leg", "init_time_gmt": value})
        assert "2026-05-28 20:26:40" == made["init_time_gmt"]


async def test_what_stands_around(desk: Desk) -> None:
    """Every answer, also an error, has its id, and JSON is said to be JSON."""
    for path, token in (("/user/", None), ("/nonsense/", None), ("/user/", "")):
        response = await desk.ask("GET", path, token=token)
        assert "application/json" == response.headers["content-type"]
        assert len(response.headers["x-request-id"]) >= 16
    named = await desk.ask("GET", "/user/", x_request_id="mine-1")
    assert "mine-1" == named.headers["x-request-id"]


async def test_limits_of_requests() -> None:
    """What is left stands in `X-RateLimit-*`; when nothing is, 429 says so and when to come back."""
    world = await small_world(settings=replace(QUICK, rate=Rate(size=2, refill=1, per="hour")))
    try:
        desk = Desk(world, world.master, await world.token("master"), "")
        seen = [await desk.ask("GET", "/user/") for _ in range(4)]
        refused = seen[-1]
        told(refused, 429, "rate_limit_exceeded")
        assert int(refused.headers["retry-after"]) > 0
        assert "0" == refused.headers["x-ratelimit-remaining"]
        left = [int(response.headers["x-ratelimit-remaining"]) for response in seen]
        assert left == sorted(left, reverse=True)
        assert all({"x-ratelimit-limit", "x-ratelimit-reset"} <= {*response.headers} for response in seen)
    finally:
        await world.app.stop()


# Who is asking, and web hooks.


async def test_who_a_client_is(desk: Desk) -> None:
    """An administrator is of a client, and of no extension; what does not apply is null."""
    who = await desk.get("/user/")
    assert (ADMIN, True, desk.id, "full") == tuple(who[name] for name in ("login", "admin", "client_id", "access"))
    assert {None} == {
        who[name] for name in ("dealer_id", "extension_group_id", "extension_id", "extra_params", "timezone")
    }
    assert {"id", "role", "user_id", "account_id", "username"} & {*who} == {"id"}


async def test_who_an_extension_is(desk: Desk) -> None:
    """A user is of an extension, which has the user's id, and perhaps of a group."""
    group = (await desk.made("/client/@me/extension_group/", {"name": "Sales"}))["id"]
    login = {"login": "grace", "password": "correct horse", "timezone": "Europe/Berlin"}
    id = await desk.extension("101", extension_group_id=group, **login)
    who = await desk.get("/user/", token=await desk.token_of(id))
    expected = {
        **{
            "id": id,
            "login": "grace",
            "admin": False,
            "dealer_id": None,
            "client_id": desk.id,
            "timezone": "Europe/Berlin",
        },
        **{"extension_group_id": group, "extension_id": id, "access": "full", "extra_params": None},
    }
    assert expected == {name: who[name] for name in expected}


async def test_who_a_restricted_token_is(desk: Desk) -> None:
    """Who may not do all that their role allows has limited access."""
    account = await desk.world.app.tenants.account(desk.id)
    assert account is not None
    token = desk.world.app.tokens.mint(account, None, "cb_api_auth", [{"whoami": [{"rules": {"/": ["GET"]}}]}])
    who = await desk.get("/user/", token=token)
    assert (None, None, True, "limited") == tuple(who[name] for name in ("id", "login", "admin", "access"))
    told(await desk.ask("GET", "/client/@me", token=token), 403, "access_denied")


@pytest.mark.parametrize(
    ("type", "hook"),
    [("dial-in", "channel_create"), ("answer", "channel_answer"), ("hangup", "channel_destroy")]
    + [(same, same) for same in ("dial-out", "message-in", "message-out", "voicemail", "agent-login", "object")],
)
async def test_events(desk: Desk, type: str, hook: str) -> None:
    """An event is a web hook with `url`, `method` and `event_type`; types without a word of ours stay as they are."""
    data = {"url": "https://example.com/hook", "method": "GET", "event_type": type}
    event = await desk.made("/client/@me/event/", data)
    assert data == {name: event[name] for name in data}
    kept = await desk.stored("webhooks", event["id"])
    assert (hook, "get", data["url"]) == (kept["hook"], kept["http_verb"], kept["uri"])
    assert [event["id"]] == [row["id"] for row in await desk.get(f"/client/@me/event/?event_type={type}&method=GET")]
    changed = await desk.ask("PUT", f"/client/@me/event/{event['id']}", {"method": "POST"})
    assert (200, "POST", type) == (changed.status, changed.json()["method"], changed.json()["event_type"])
    refused = await desk.ask("PUT", f"/client/@me/event/{event['id']}", {"method": "BREW"})
    assert "method must be one of" not in told(refused, 400, "validation_error")
    assert 204 == (await desk.ask("DELETE", f"/client/@me/event/{event['id']}")).status
