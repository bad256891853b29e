"""Voicemail boxes: their numbers and PINs, whose they are, and what becomes of their messages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .office import NOWHERE, Office, told

PIN = "271828182845"


async def test_a_box_lives(office: Office) -> None:
    """It is made, read, listed, replaced, patched and deleted."""
    id = await office.box(name="Sales", mailbox="9100")
    assert "Sales" == (await office.get(f"/vmboxes/{id}")).data["name"]
    assert [{"id": id, "name": "Sales", "mailbox": "9100"}] == (await office.get("/vmboxes")).data
    replaced = await office.ask("POST", f"/vmboxes/{id}", {"name": "Orders", "mailbox": "9100"})
    patched = await office.ask("PATCH", f"/vmboxes/{id}", {"skip_greeting": True})
    assert (200, 200, "Orders") == (replaced.status, patched.status, patched.data["name"])
    assert (True, "mp3") == (patched.data["skip_greeting"], patched.data["media_extension"])
    assert 200 == (await office.ask("DELETE", f"/vmboxes/{id}")).status
    told(await office.get(f"/vmboxes/{id}"), 404)


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        pytest.param({"mailbox": ""}, "mailbox", "minLength", id="no-number"),
        pytest.param({"mailbox": None}, "mailbox", "type", id="a-number-that-is-null"),
        pytest.param({"mailbox": "1" * 31}, "mailbox", "maxLength", id="a-long-number"),
        pytest.param({"name": 5}, "name", "type", id="a-name-that-is-none"),
        pytest.param({"pin": "123"}, "pin", "pattern", id="a-short-pin"),
        pytest.param({"pin": "12a4"}, "pin", "pattern", id="a-pin-with-letters"),
        pytest.param({"media_extension": "exe"}, "media_extension", "enum", id="a-format-that-is-none"),
        pytest.param({"notify_email_addresses": "me"}, "notify_email_addresses", "type", id="mails-that-are-no-list"),
    ],
)
async def test_what_is_no_box(office: Office, wrong: dict[str, Any], field: str, rule: str) -> None:
    """What breaks the schema is refused with field and rule."""
    refused = told(await office.ask("PUT", "/vmboxes", {"name": "Box", "mailbox": "1"} | wrong), 400)
    assert rule in refused[field]


async def test_a_number_is_given_once(office: Office) -> None:
    """Two boxes of an account never have one number, not even when they are made at once; other accounts may."""
    box = {"name": "Box", "mailbox": "7"}
    made = await asyncio.gather(*[office.ask("PUT", "/vmboxes", box) for _ in range(5)])
    assert [201, 400, 400, 400, 400] == sorted(each.status for each in made)
    clash = next(each for each in made if each.status == 400)
    assert "7" == clash.data["mailbox"]["unique"]["value"]
    elsewhere = await office.client.put(f"/accounts/{office.world.customer}/vmboxes", box)
    assert 201 == elsewhere.status
    assert (
        200 == (await office.client.delete(f"/accounts/{office.world.customer}/vmboxes/{elsewhere.data['id']}")).status
    )


async def test_a_pin_is_shown_with_its_box(office: Office) -> None:
    """Who makes, reads or changes the box sees it; a patch leaves it, null and a replacement take it away."""
    made = await office.ask("PUT", "/vmboxes", {"name": "Box", "mailbox": "1", "pin": PIN})
    box = f"/vmboxes/{made.data['id']}"
    patched = await office.ask("PATCH", box, {"name": "Other"})
    shown = [made.data, (await office.get(box)).data, patched.data]
    assert [PIN] * 3 == [each["pin"] for each in shown]
    changed = await office.ask("PATCH", box, {"pin": "9999"})
    assert ("9999", "9999") == (changed.data["pin"], (await office.get(box)).data["pin"])
    gone = await office.ask("PATCH", box, {"pin": None})
    assert "pin" not in {**gone.data, **(await office.get(box)).data}
    await office.ask("PATCH", box, {"pin": PIN})
    replaced = await office.ask("POST", box, {"name": "Box", "mailbox": "1"})
    assert "pin" not in {**replaced.data, **(await office.get(box)).data}


@pytest.mark.parametrize(
    "query",
    [
        *("", "?full_docs=true", '?fields=["pin","name"]', "?accept=csv", "?accept=csv&full_docs=true"),
        *("?paginate=false&full_docs=true", f"?filter_pin={PIN}", "?has_key=pin"),
    ],
)
async def test_no_listing_shows_a_pin(office: Office, query: str) -> None:
    """Neither rows nor whole documents, and no filter finds out what it is."""
    await office.box(pin=PIN)
    assert 200 == (await office.get("/vmboxes")).status
    for path in (f"/vmboxes{query}", f"/vmboxes/messages{query}"):
        response = await office.get(path)
        assert 200 == response.status, response.body
        assert PIN not in response.text
        if "filter_" in query or "has_key" in query:
            assert [] == response.data


async def test_the_boxes_of_a_user(office: Office) -> None:
    """Below a user are the boxes that are theirs, and new ones become theirs."""
    user = await office.user()
    await office.box()
    own = await office.made(f"/users/{user}/vmboxes", {"name": "Own", "mailbox": "50"})
    assert [own] == await office.ids(f"/users/{user}/vmboxes")
    assert user == (await office.get(f"/vmboxes/{own}")).data["owner_id"]


async def test_the_overview(office: Office) -> None:
    """It counts the messages of each box by folder; it can be paged, filtered and streamed like the boxes."""
    first, second = await office.box(name="First"), await office.box(name="Second")
    for folder in ("new", "new", "saved", "deleted"):
        await office.message(first, b"", folder=folder)
    rows = {row["id"]: row for row in (await office.get("/vmboxes/messages")).data}
    counts = {"messages": 4, "new": 2, "saved": 1, "deleted": 1}
    assert counts == {key: rows[first][key] for key in counts}
    assert dict.fromkeys(counts, 0) == {key: rows[second][key] for key in counts}
    one = await office.get("/vmboxes/messages?page_size=1")
    more = await office.get("/vmboxes/messages", query={"start_key": one.json()["next_start_key"]})
    assert {first: 4, second: 0} == {row["id"]: row["messages"] for row in (*one.data, *more.data)}
    assert [4] == [row["messages"] for row in (await office.get("/vmboxes/messages?filter_name=First")).data]
    assert 2 == len((await office.get("/vmboxes/messages?paginate=false")).data)
    assert "GET" in (await office.ask("OPTIONS", "/vmboxes/messages")).headers["allow"]
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        told(await office.ask(method, "/vmboxes/messages", {}), 405)


@pytest.mark.parametrize("purge", ["", "?should_soft_delete=false"])
async def test_messages_go_with_their_box(office: Office, purge: str) -> None:
    """Deleting a box deletes what is in it, sound and all; other boxes keep theirs."""
    box, other = await office.box(), await office.box()
    kept = await office.message(other)
    gone = [await office.message(box) for _ in range(3)]
    assert 200 == (await office.ask("DELETE", f"/vmboxes/{box}{purge}")).status
    assert [kept] == await office.ids("/messages")
    for id in gone:
        told(await office.get(f"/messages/{id}/raw"), 404)
    assert 200 == (await office.get(f"/messages/{kept}/raw")).status


async def test_a_message_that_comes_as_its_box_goes(office: Office) -> None:
    """It is in a box that is there, or it is refused; there is never one without a box."""
    for _ in range(5):
        box = await office.box()
        leaving = [office.ask("PUT", f"/vmboxes/{box}/messages", {}) for _ in range(4)]
        *left, deleted = await asyncio.gather(*leaving, office.ask("DELETE", f"/vmboxes/{box}"))
        there = (await office.get(f"/vmboxes/{box}")).status == 200
        assert there == (deleted.status != 200), deleted.body
        assert {each.status for each in left} <= {201, 404, 409}, [each.body for each in left]
        if not there:
            assert [] == await office.ids(f"/messages?filter_source_id={box}")


async def test_messages_change_hands_with_their_box(office: Office) -> None:
    """They belong to whom the box belongs."""
    ada, ben = await office.user(), await office.user()
    box = await office.box(owner_id=ada)
    message = await office.message(box)
    assert ada == (await office.get(f"/messages/{message}")).data["owner_id"]
    await office.ask("PATCH", f"/vmboxes/{box}", {"owner_id": ben})
    assert ben == (await office.get(f"/messages/{message}")).data["owner_id"]
    await office.ask("PATCH", f"/vmboxes/{box}", {"owner_id": None})
    assert "owner_id" not in (await office.get(f"/messages/{message}")).data
    assert 200 == (await office.get(f"/messages/{message}/raw")).status


async def test_a_user_sees_their_own(office: Office) -> None:
    """Boxes and messages of others are as good as missing for a user, by every path."""
    ada, client = await office.login()
    own, others = await office.box(owner_id=ada), await office.box()
    mine, theirs = await office.message(own), await office.message(others)
    user = Office(office.world, client, office.id)
    assert ([own], [own], [mine]) == (
        await user.ids("/vmboxes"),
        await user.ids("/vmboxes/messages"),
        await user.ids("/messages"),
    )
    for path in (f"/vmboxes/{others}", f"/vmboxes/{others}/messages", f"/messages/{theirs}", f"/messages/{theirs}/raw"):
        told(await user.get(path), 404)
    assert 200 == (await user.get(f"/vmboxes/{own}/messages/{mine}/raw")).status
    moved = await user.ask("POST", f"/vmboxes/{own}/messages", {"messages": [mine, theirs], "folder": "saved"})
    assert ([mine], [{theirs: "not_found"}]) == (moved.data["succeeded"], moved.data["failed"])
    told(await user.ask("POST", f"/messages/{mine}", {"source_id": others}), 400)
    told(await user.ask("PUT", "/messages", {"source_id": others}), 400)
    told(await user.ask("POST", "/messages/raw", {"messages": [theirs]}), 404)
    assert {theirs: "not_found"} in (await user.ask("DELETE", "/messages", {"messages": [theirs]})).data["failed"]
    told(await user.ask("PUT", "/vmboxes", {"name": "Box", "mailbox": "77"}), 403)
    told(await user.ask("DELETE", f"/vmboxes/{own}"), 403)
    assert [theirs] == await office.ids(f"/vmboxes/{others}/messages")


@pytest.mark.parametrize("path", ["/vmboxes", "/vmboxes/messages", "/messages", "/media", "/faxes", "/faxes/inbox"])
async def test_another_tenant(office: Office, path: str) -> None:
    """The account of strangers is as good as missing."""
    told(await office.client.get(f"/accounts/{office.world.stranger}{path}"), 404)


async def test_a_box_of_another_tenant(office: Office) -> None:
    """An id from elsewhere leads nowhere."""
    there = await office.client.put(f"/accounts/{office.world.customer}/vmboxes", {"name": "Box", "mailbox": "99"})
    for id in (there.data["id"], NOWHERE):
        told(await office.get(f"/vmboxes/{id}"), 404)
        told(await office.get(f"/vmboxes/{id}/messages"), 404)
        told(await office.ask("PUT", f"/vmboxes/{id}/messages", {}), 404)
    assert 200 == (await office.client.delete(f"/accounts/{office.world.customer}/vmboxes/{there.data['id']}")).status
