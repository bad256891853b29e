"""Webhooks as documents: what can be stored, what is shown of it, and how they are switched on again."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from crossbar import Crossbar, Replace
from crossbar.errors import SettingsError
from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.testing import Response, small_world

from .tools import Clock, Home, Receiver, answer, at_home, eventually, home_in, restarted, settings, told, until

SECRET = "whsec_" + "QUJD" * 10 + "QQ=="
HOOK = {"name": "Tell", "hook": "object", "uri": "https://hooks.example.com/in"}


async def put(home: Home, data: dict[str, Any]) -> Response:
    """Try to make a webhook."""
    return await home.client.put(f"{home.path}/webhooks", data)


# What can be stored.


@pytest.mark.parametrize(
    ("data", "field", "code"),
    [
        ({"uri": "http://127.0.0.1/"}, "uri", "forbidden"),
        ({"uri": "http://169.254.169.254/latest"}, "uri", "forbidden"),
        ({"uri": "http://2130706433/"}, "uri", "forbidden"),
        ({"uri": "http://[::1]/"}, "uri", "forbidden"),
        ({"uri": "https://localhost:3450/webhook"}, "uri", "forbidden"),
        ({"uri": "http://hooks.example.com:22/"}, "uri", "forbidden"),
        ({"uri": "http://user:password@hooks.example.com/"}, "uri", "forbidden"),
        ({"uri": "ftp://hooks.example.com/"}, "uri", "pattern"),
        ({"custom_data": {"type": "toaster"}}, "custom_data.type", "enum"),
        ({"custom_data": {"action": "doc_updated"}}, "custom_data.action", "enum"),
        ({"custom_data": {"deep": {"er": 1}}}, "custom_data.deep", "type"),
        ({"retries": 5}, "retries", "maximum"),
        ({"secret": "password"}, "secret", "pattern"),
        ({"secret": "whsec_QUJD"}, "secret", "pattern"),
    ],
)
async def test_what_is_refused(data: dict[str, Any], field: str, code: str) -> None:
    """What could never be delivered, or would never happen, is refused when it is made, in the field that is wrong."""
    async with at_home(allow_private=False, deliver=False) as home:
        response = await put(home, HOOK | data)
        assert (400, [(field, [code])]) == (
            response.status,
            [(name, list(codes)) for name, codes in response.data.items()],
        )
        assert SECRET not in told(response)
        assert (await put(home, HOOK)).status == 201


@pytest.mark.parametrize(
    "data",
    [
        {"hook": "channel_create"},
        {"hook": "all", "custom_data": {"type": "toaster", "action": "burnt"}},
        {"custom_data": {"type": "vmbox", "action": "all"}},
        {"custom_data": {"type": "devices", "action": "doc_edited", "customer": "17"}},
        {"http_verb": "get", "retries": 0, "include_subaccounts": True, "include_internal_legs": False},
        {"uri": "http://127.0.0.1:8080/in?token=a"},
    ],
)
async def test_what_is_stored(home: Home, data: dict[str, Any]) -> None:
    """What Kazoo's clients send is stored as it is."""
    response = await put(home, HOOK | data)
    assert response.status == 201
    assert (HOOK | data).items() <= (await home.read(response.data)).items()


async def test_how_many_an_account_can_have() -> None:
    """An account has so many webhooks and no more; when one is deleted there is room again."""
    async with at_home(per_account=2, deliver=False) as home:
        made = [await put(home, HOOK) for _ in range(3)]
        assert [201, 201, 409] == [response.status for response in made]
        assert "2 webhooks" in made[2].data["message"]
        await home.client.delete(f"{home.path}/webhooks/{made[0].data['id']}")
        assert (await put(home, HOOK)).status == 201


async def test_outside_of_accounts() -> None:
    """Who is known learns there which webhooks there can be, and can do nothing else."""
    async with at_home(deliver=False) as home:
        shown = await home.client.get("/webhooks")
        assert [("object", {"type", "action"})] == [(kind["id"], set(kind["modifiers"])) for kind in shown.data]
        assert {"device", "all"} <= set(shown.data[0]["modifiers"]["type"]["items"])
        assert (await home.client.get("/webhooks/samples")).data == ["webhooks_object"]
        sample = await home.client.get("/webhooks/samples/webhooks_object")
        assert [201, 3] == [(await put(home, HOOK)).status, len(sample.data)]
        refused = {
            "put": await home.client.put("/webhooks", HOOK),
            "patch": await home.client.patch("/webhooks", {"re-enable": True}),
            "attempts": await home.client.get("/webhooks/attempts"),
        }
        assert {"put": 403, "patch": 403, "attempts": 403} == {name: each.status for name, each in refused.items()}
        home.client.token = None
        assert (await home.client.get("/webhooks")).status == 401


async def test_samples_that_there_are_not(home: Home) -> None:
    """The name of another sample leads nowhere."""
    assert (await home.client.get("/webhooks/samples/webhooks_parking")).status == 404


async def test_somebody_elses() -> None:
    """Webhooks, their secrets and their attempts are for the account and for who is above it."""
    world = await small_world(settings=settings(deliver=False))
    home, stranger = await home_in(world), await world.client("stranger")
    hook = (await put(home, HOOK)).data
    at = f"{home.path}/webhooks"
    asked = [
        await stranger.get(at),
        await stranger.get(f"{at}/attempts"),
        await stranger.get(f"{at}/{hook['id']}/attempts"),
        await stranger.put(f"{at}/{hook['id']}/secret"),
        await stranger.patch(at, {"re-enable": True}),
        await stranger.get(f"/accounts/{world.stranger}/webhooks/{hook['id']}"),
        await stranger.get(f"/accounts/{world.stranger}/webhooks/{hook['id']}/attempts"),
        await stranger.put(f"/accounts/{world.stranger}/webhooks/{hook['id']}/secret"),
    ]
    assert [404] * 8 == [response.status for response in asked]
    assert (await home.read(hook))["name"] == "Tell"
    await world.app.stop()


async def test_options_are_checked() -> None:
    """All that is wrong in the table of options is told at once, each with its key."""
    with pytest.raises(SettingsError) as caught:
        Crossbar(settings(timeout=0, retries=3, ports=[70_000]), store=MemoryStore())
    assert ["ports.0", "retries", "timeout"] == re.findall(r"plugins\.webhooks\.(\S+):", str(caught.value))


# The secret.


async def test_the_secret_is_shown_once(home: Home) -> None:
    """A webhook gets a secret of its own, which only the answer to its creation shows."""
    made = await put(home, HOOK)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made.data["secret"])
    assert made.headers["location"].endswith(f"/webhooks/{made.data['id']}")
    at = f"{home.path}/webhooks/{made.data['id']}"
    later = [
        await home.client.get(at),
        await home.client.get(f"{home.path}/webhooks"),
        await home.client.get(f"{home.path}/webhooks?full_list=true&paginate=false"),
        await home.client.get(f"{home.path}/webhooks?filter_secret={made.data['secret'][:9]}"),
        await home.client.post(at, HOOK),
        await home.client.patch(at, {"name": "Told"}),
        await home.client.delete(at),
    ]
    assert [200] * len(later) == [response.status for response in later]
    assert not [response for response in later if made.data["secret"] in told(response) or '"secret"' in told(response)]


async def test_a_secret_of_ones_own(home: Home, receiver: Receiver) -> None:
    """A secret that comes with the webhook is taken, at its creation and later, and is not kept in the document."""
    hook = await home.hook(receiver, secret=SECRET)
    assert hook["secret"] == SECRET
    other = SECRET.replace("QUJD", "REVG")
    changed = await home.client.patch(f"{home.path}/webhooks/{hook['id']}", {"secret": other})
    assert (200, False) == (changed.status, "secret" in changed.data)
    stored = await home.app.store.get(home.id, "webhooks", hook["id"])
    assert stored is not None
    assert (True, b"whsec_" in stored.body) == (other in str(stored.secrets()), False)
    await home.device()
    await until(lambda: receiver.received)
    assert [True, True] == [receiver.received[0].signed_by(secret) for secret in (other, SECRET)]


async def test_rotation(home: Home, receiver: Receiver, clock: Clock) -> None:
    """After a rotation both secrets sign for a day, the new one first; then the new one alone."""
    old = await home.hook(receiver)
    rotated = await home.client.put(f"{home.path}/webhooks/{old['id']}/secret")
    new = rotated.data["secret"]
    assert (201, False, {**old, "secret": new}) == (rotated.status, new == old["secret"], rotated.data)
    await home.device("First")
    await until(lambda: len(receiver.received) == 1)
    clock.now += 86_401
    await home.log_in_again()
    await home.device("Second")
    await until(lambda: len(receiver.received) == 2)
    signed = [[got.signed_by(secret) for secret in (new, old["secret"])] for got in receiver.received]
    assert signed == [[True, True], [True, False]]
    assert [2, 1] == [len(got.headers["webhook-signature"].split()) for got in receiver.received]


async def test_rotation_twice(home: Home, receiver: Receiver) -> None:
    """Of three secrets the last two sign."""
    hook = await home.hook(receiver)
    at = f"{home.path}/webhooks/{hook['id']}/secret"
    secrets = [hook["secret"], (await home.client.put(at)).data["secret"], (await home.client.put(at)).data["secret"]]
    await home.device()
    await until(lambda: receiver.received)
    assert [False, True, True] == [receiver.received[0].signed_by(secret) for secret in secrets]


async def test_the_secret_is_in_no_log(home: Home, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is logged of a failing webhook names it and its account, not its secret nor the query of its URI."""
    caplog.set_level(logging.DEBUG)
    uri = f"http://127.0.0.1:{receiver.port}/in?token=hidden-token"
    hook = await home.hook(receiver, uri=uri, retries=0)
    receiver.answers.append(answer(500))
    receiver.answers.append(answer(410))
    await home.device()
    await home.device()
    await eventually(lambda: _disabled(home, hook))
    lines = [record.getMessage() for record in caplog.records if record.name == "crossbar.webhooks"]
    assert lines
    assert all(hook["id"] in line and home.id in line for line in lines)
    assert not [line for line in caplog.text.splitlines() if hook["secret"] in line or "hidden-token" in line]
    assert not [made for made in await home.attempts() if "hidden-token" in str(made) or hook["secret"] in str(made)]


# Switching on and off.


async def test_switching_off_what_is_not_allowed_any_more(tmp_path: Path, clock: Clock, receiver: Receiver) -> None:
    """A webhook whose URI is refused by now can be switched off and not on."""
    path = tmp_path / "store.db"
    async with at_home(SqliteStore(path, clock=clock), clock) as home:
        hook = await home.hook(receiver)
    async with restarted(SqliteStore(path, clock=clock), clock, allow_private=False) as home:
        asked: list[dict[str, Any]] = [{"name": "Told"}, {"enabled": False}, {"name": "Told"}, {"enabled": True}]
        answers = [await home.client.patch(home.at(hook), data) for data in asked]
        moved = await home.client.patch(home.at(hook), {"uri": "http://127.0.0.1/", "enabled": False})
        assert [400, 200, 200, 400, 400] == [response.status for response in (*answers, moved)]


async def test_why_it_was_switched_off(home: Home, receiver: Receiver) -> None:
    """The reason is shown until the webhook is switched on, and is not the client's to write."""
    hook = await home.hook(receiver, disable_reason="because")
    at = f"{home.path}/webhooks/{hook['id']}"
    assert "disable_reason" not in await home.read(hook)
    receiver.answers.append(answer(410))
    await home.device()
    await eventually(lambda: _disabled(home, hook))
    reason = (await home.read(hook))["disable_reason"]
    listed = (await home.client.get(f"{home.path}/webhooks")).data[0]
    assert (reason, False) == (listed["disable_reason"], listed["enabled"])
    renamed = (await home.client.patch(at, {"name": "Told", "disable_reason": "because"})).data
    assert ("Told", reason, False) == (renamed["name"], renamed["disable_reason"], renamed["enabled"])
    switched_on = (await home.client.patch(at, {"enabled": True})).data
    assert (None, True) == (switched_on.get("disable_reason"), switched_on["enabled"])


async def test_switching_all_on(home: Home, receiver: Receiver) -> None:
    """`re-enable` switches on what was switched off for its failures, and leaves alone what somebody switched off."""
    failing, off = await home.hook(receiver), await home.hook(receiver, enabled=False)
    receiver.answers.append(answer(410))
    await home.device()
    await eventually(lambda: _disabled(home, failing))
    patched = await home.client.patch(f"{home.path}/webhooks", {"re-enable": True})
    assert (200, "hooks updated") == (patched.status, patched.data)
    assert [True, False] == [(await home.read(hook))["enabled"] for hook in (failing, off)]
    await home.device()
    await until(lambda: len(receiver.received) == 2)
    assert {failing["id"]} == {got.headers["x-hook-id"] for got in receiver.received}


@pytest.mark.parametrize(
    ("data", "code"),
    [({}, "required"), ({"re-enable": False}, "enum"), ({"re-enable": "yes"}, "enum"), ({"enabled": True}, "required")],
)
async def test_all_can_only_be_switched_on(home: Home, data: dict[str, Any], code: str) -> None:
    """A PATCH of the collection says `re-enable`, and that it is so."""
    response = await home.client.patch(f"{home.path}/webhooks", data)
    assert (400, [code]) == (response.status, list(response.data["re-enable"]))


async def test_an_imported_webhook(home: Home, receiver: Receiver) -> None:
    """One that no schema has seen, without a secret, is served unsigned; one without a URI fails and harms nobody."""
    good, bad = await home.hook(receiver), await home.hook(receiver)
    for hook, data in ((good, {"hook": "object", "uri": receiver.uri}), (bad, {"hook": "object", "retries": 0})):
        stored = await home.app.store.get(home.id, "webhooks", hook["id"])
        assert stored is not None
        await home.app.store.write([Replace(stored.with_data(data).with_secrets({}))])
    await home.device()
    await home.settled(2)
    assert [False] == ["webhook-signature" in got.headers for got in receiver.received]
    [made] = await home.attempts(bad)
    assert ("failure", "refused address", 0) == (made["result"], made["reason"], made["retries_left"])


async def _disabled(home: Home, hook: dict[str, Any]) -> bool:
    return (await home.read(hook))["enabled"] is False
