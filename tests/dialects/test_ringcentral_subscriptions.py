"""Subscriptions by event filters: what they hear of, and what is refused because nobody would keep to it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from crossbar.stores.memory import MemoryStore
from crossbar.testing import World, small_world

from ..modules.tools import Home, receiving
from ..modules.tools import settings as webhook_settings
from .ringcentral_desk import NOWHERE, Desk, code, desk_in

OWN = "/account/~/extension/~"
STORE = f"/restapi/v1.0{OWN}/message-store"
ADDRESS = {"transportType": "WebHook", "address": "https://hooks.example.com/rc"}


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of one test's own."""
    return await desk_in(world)


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("", {"sms", "fax", "messages"}),
        ("?type=SMS", {"sms"}),
        ("?messageType=Fax", {"fax"}),
        ("?type=VoiceMail", {"messages"}),
        ("/instant?type=SMS", {"sms"}),
    ],
)
async def test_what_arrives(query: str, types: set[str]) -> None:
    """A receiver is told of texts, faxes and voicemail, or of those alone that were asked for."""
    world = await small_world(MemoryStore(time.time), webhook_settings(), clock=time.time)
    try:
        async with receiving() as receiver:
            desk = await desk_in(world)
            wanted = {"eventFilters": [STORE + query], "deliveryMode": {"address": receiver.uri}}
            await desk.made("/subscription", wanted)
            made = await _one_of_each(desk)
            await Home(world.app, desk.account, desk.client).emptied()
            told = [(each.event["type"], each.event["id"]) for each in receiver.received]
            assert sorted(told) == sorted((type, made[type]) for type in types)
    finally:
        await world.app.stop()


async def _one_of_each(desk: Desk) -> dict[str, str]:
    """The ids of a new text, a new fax and a new voicemail, by what their events are called."""
    numbers = {"from": {"phoneNumber": "+12125557464"}, "to": [{"phoneNumber": "+12125559976"}]}
    text = await desk.made(f"{OWN}/sms", {**numbers, "text": "Hello"})
    fax = await desk.made(f"{OWN}/fax", {**numbers, "coverPageText": "Hello"})
    reseller = await desk.world.client("reseller")
    at = f"/accounts/{desk.account}/vmboxes"
    box = await reseller.put(at, {"name": "Box", "mailbox": "101", "owner_id": desk.extension})
    assert box.status == 201, box.body
    voicemail = await reseller.put(f"{at}/{box.data['id']}/messages", {"caller_id_number": "+1"})
    assert voicemail.status == 201, voicemail.body
    return {"sms": text["id"], "fax": fax["id"], "messages": voicemail.data["id"]}


@pytest.mark.parametrize(
    ("filter", "about"),
    [
        (STORE, "messages"),
        (f"{STORE}/instant", "messages"),
        (f"{STORE}?type=SMS&messageType=SMS", "sms"),
        (f"{STORE}?type=Fax", "faxes"),
        (f"{STORE}?messageType=VoiceMail", "voicemails"),
        (f"/restapi/v1.0{OWN}", "users"),
        ("/restapi/v1.0/account/~", "accounts"),
        ("/restapi/v1.0/device", "devices"),
    ],
)
async def test_what_filters_mean(desk: Desk, filter: str, about: str) -> None:
    """The type that the events have."""
    made = await desk.made("/subscription", {"eventFilters": [filter], "deliveryMode": ADDRESS})
    assert (await desk.kept("webhooks", made["id"]))["custom_data"] == {"type": about}
    by_id = filter.replace("account/~", f"account/{desk.account}")
    made = await desk.made("/subscription", {"eventFilters": [by_id], "deliveryMode": ADDRESS})
    assert (await desk.kept("webhooks", made["id"]))["custom_data"] == {"type": about}


@pytest.mark.parametrize(
    "filter",
    [
        pytest.param(f"{STORE}?type=Pager", id="no-such-type"),
        pytest.param(f"{STORE}?type=SMS&type=Fax", id="two-types"),
        pytest.param(f"{STORE}?direction=Inbound", id="another-word"),
        pytest.param(f"{STORE}?type=", id="an-empty-type"),
        pytest.param(f"/restapi/v1.0{OWN}/device?x=1", id="a-word-where-none-is"),
        pytest.param(f"{STORE}/{NOWHERE}", id="one-message"),
        pytest.param(f"/restapi/v1.0{OWN}/device/{NOWHERE}", id="one-device"),
        pytest.param(f"/restapi/v1.0/account/~/extension/{NOWHERE}/message-store", id="one-extension"),
        pytest.param(f"/restapi/v1.0/account/~/user/{NOWHERE}/device", id="one-user"),
        pytest.param(f"/restapi/v1.0/account/~/voicemail-box/{NOWHERE}/message-store", id="one-box"),
        pytest.param("/restapi/v1.0/account/~/nonsense/device", id="no-such-path"),
        pytest.param(f"{STORE}?{'a' * 5000}", id="a-long-word"),
        pytest.param("/restapi/v1.0/account/~/subscription", id="what-causes-no-events"),
    ],
)
async def test_filters_that_nobody_keeps_to(desk: Desk, filter: str) -> None:
    """They are refused, and not read as something wider."""
    sent = {"eventFilters": [filter], "deliveryMode": ADDRESS}
    assert code(await desk.ask("POST", "/subscription", sent)) == (400, "CMN-101", "eventFilters")


async def test_a_foreign_account(desk: Desk, world: World) -> None:
    """It is nothing that could be listened to, whether it is there or not."""
    for account in (NOWHERE, world.reseller, world.customer):
        sent: Any = {"eventFilters": [f"/restapi/v1.0/account/{account}/device"], "deliveryMode": ADDRESS}
        assert code(await desk.ask("POST", "/subscription", sent)) == (400, "CMN-102", "eventFilters")
