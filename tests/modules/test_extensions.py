"""Extensions: users seen as numbers, what hangs below them, and the groups that they are members of."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path
from typing import Any

import pytest

from crossbar import Document, Insert, Kind
from crossbar.plugins import BUNDLED, Folder, bundled_folder
from crossbar.testing import World, make_store, small_world

from .office import NOWHERE, PNG, Office, told

ADA: dict[str, Any] = {"first_name": "Ada", "last_name": "Byron"}


async def extension(office: Office, number: str = "101", **more: Any) -> str:
    """Make an extension."""
    return await office.made("/extensions", ADA | {"number": number} | more)


async def group(office: Office, name: str = "Sales") -> str:
    """Make a group."""
    return await office.made("/groups", {"name": name})


async def test_an_extension_lives(office: Office) -> None:
    """It is made, read, listed, replaced, patched and deleted, and is a user all the time."""
    made = await office.ask("PUT", "/extensions", ADA | {"number": "101"})
    id = made.data["id"]
    at = f"/extensions/{id}"
    assert (201, "101", "phone") == (made.status, made.data["number"], made.data["extension_type"])
    assert made.headers["location"].endswith(at)
    [row] = (await office.get("/extensions")).data
    assert (id, "101", "phone") == tuple(row[field] for field in ("id", "number", "extension_type"))
    replaced = await office.ask("POST", at, ADA | {"number": "102", "extension_type": "queue"})
    patched = await office.ask("PATCH", at, {"first_name": "Augusta"})
    assert (200, 200, "102", "queue") == (
        replaced.status,
        patched.status,
        *(patched.data[field] for field in ("number", "extension_type")),
    )
    assert patched.data == (await office.get(f"/users/{id}")).data
    assert 200 == (await office.ask("DELETE", at)).status
    for noun in ("extensions", "users"):
        told(await office.get(f"/{noun}/{id}"), 404)


async def test_who_has_no_number(office: Office) -> None:
    """A user without one is an extension too, and may get one, change it and lose it by either noun."""
    id = await office.user()
    assert [id] == await office.ids("/extensions")
    assert 200 == (await office.get(f"/extensions/{id}")).status
    assert 200 == (await office.get(f"/extensions/{id}/devices")).status
    given = await office.ask("PATCH", f"/extensions/{id}", {"number": "7"})
    assert (200, "7", "phone") == (given.status, given.data["number"], given.data["extension_type"])
    gone = await office.ask("PATCH", f"/extensions/{id}", {"number": None})
    assert (200, False) == (gone.status, "number" in gone.data)
    assert [id] == await office.ids("/users")
    told(await office.get(f"/extensions/{NOWHERE}"), 404)


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        pytest.param({"number": ""}, "number", "minLength", id="an-empty-number"),
        pytest.param({"number": 101}, "number", "type", id="a-number-that-is-no-text"),
        pytest.param({"number": "10a"}, "number", "pattern", id="letters"),
        pytest.param({"number": "101\n"}, "number", "pattern", id="a-line-end"),
        pytest.param({"number": "\u0661\u0660\u0661"}, "number", "pattern", id="digits-of-others"),
        pytest.param({"number": "1" * 17}, "number", "maxLength", id="a-long-number"),
        pytest.param({"number": "1", "extension_type": "robot"}, "extension_type", "enum", id="a-type-that-is-none"),
        pytest.param({"number": "1", "extension_group_id": NOWHERE}, "extension_group_id", "not_found", id="no-group"),
        pytest.param({"number": "1", "extension_group_id": ""}, "extension_group_id", "minLength", id="no-group-id"),
        pytest.param({"number": "1", "first_name": 5}, "first_name", "type", id="a-name-that-is-none"),
    ],
)
async def test_what_is_no_extension(office: Office, wrong: dict[str, Any], field: str, rule: str) -> None:
    """What breaks the schema is refused with field and rule, whether it is new or there."""
    assert rule in told(await office.ask("PUT", "/extensions", ADA | wrong), 400)[field]
    id = await extension(office, "555")
    assert rule in told(await office.ask("POST", f"/extensions/{id}", ADA | wrong), 400)[field]
    assert ["555"] == [row["number"] for row in (await office.get("/extensions")).data]


async def test_a_number_is_given_once(office: Office) -> None:
    """Two users of an account never have one number, not even when they are made at once, by whatever noun."""
    paths = ["/extensions", "/users"] * 3
    made = await asyncio.gather(*[office.ask("PUT", path, ADA | {"number": "7"}) for path in paths])
    assert [201, *[400] * 5] == sorted(each.status for each in made)
    clash = next(each for each in made if each.status == 400)
    assert "7" == clash.data["number"]["unique"]["value"]
    other = await extension(office, "8")
    assert "unique" in told(await office.ask("PATCH", f"/extensions/{other}", {"number": "7"}), 400)["number"]


async def test_a_password_is_taken_in(office: Office) -> None:
    """It is hashed as that of any user, never shown, and good for a login."""
    made = await office.ask(
        "PUT", "/extensions", ADA | {"number": "1", "username": "Ada", "password": "a good password"}
    )
    assert "password" not in made.data
    stored = await office.world.app.store.get(office.id, "users", made.data["id"])
    assert stored is not None
    assert ("ada", True) == (stored.data()["username"], "credentials" in stored.secrets())
    changed = await office.ask("PATCH", f"/extensions/{made.data['id']}", {"password": "a better password"})
    again = await office.world.app.store.get(office.id, "users", made.data["id"])
    assert again is not None
    assert (200, False) == (changed.status, "password" in again.data())
    assert stored.secrets()["credentials"] != again.secrets()["credentials"]


async def test_a_photo_and_a_card(office: Office) -> None:
    """The files and cards of users are there by the number too."""
    id = await extension(office)
    assert 201 == (await office.send("PUT", f"/extensions/{id}/photo", PNG, "image/png")).status
    assert PNG == (await office.get(f"/users/{id}/photo")).body == (await office.get(f"/extensions/{id}/photo")).body
    card = await office.get(f"/extensions/{id}/vcard")
    assert (200, True) == (card.status, card.body.startswith(b"BEGIN:VCARD"))


async def test_what_is_below(office: Office) -> None:
    """Devices, boxes and what else users own is found below their extensions, and made there for them."""
    one, other = await extension(office, "1"), await extension(office, "2")
    device = await office.made(f"/extensions/{one}/devices", {"name": "Phone"})
    await office.made(f"/extensions/{other}/devices", {"name": "Phone"})
    box = await office.made(f"/extensions/{one}/vmboxes", {"name": "Box", "mailbox": "1"})
    record = Document.of(office.id, "cdrs", f"203001-{one}", {"owner_id": one, "call_id": "c"}, 1_780_000_000)
    await office.world.app.store.write([Insert(record)])
    for noun, id in (("devices", device), ("vmboxes", box), ("cdrs", record.id)):
        assert [id] == await office.ids(f"/extensions/{one}/{noun}") == await office.ids(f"/users/{one}/{noun}")
        assert one == (await office.get(f"/extensions/{one}/{noun}/{id}")).data["owner_id"]
        told(await office.get(f"/extensions/{other}/{noun}/{id}"), 404)


async def test_members_of_a_group(office: Office) -> None:
    """A group lists its members, and makes new ones; who leaves is not listed any more."""
    sales, support = await group(office), await group(office, "Support")
    member = await extension(office, "1", extension_group_id=sales)
    made = await office.made(f"/groups/{sales}/extensions", ADA | {"number": "2"})
    await extension(office, "3")
    assert {member, made} == set(await office.ids(f"/groups/{sales}/extensions"))
    assert {member, made} == set(await office.ids(f"/extensions?filter_extension_group_id={sales}"))
    assert 200 == (await office.get(f"/groups/{sales}/extensions/{member}/devices")).status
    told(await office.get(f"/groups/{support}/extensions/{member}"), 404)
    assert 200 == (await office.ask("PATCH", f"/extensions/{member}", {"extension_group_id": support})).status
    assert ([made], [member]) == (
        await office.ids(f"/groups/{sales}/extensions"),
        await office.ids(f"/groups/{support}/extensions"),
    )


async def test_a_group_of_another_account(office: Office) -> None:
    """Its id is as good as none."""
    other = Office(office.world, office.client, office.world.customer)
    elsewhere = await group(other)
    refused = told(await office.ask("PUT", "/extensions", ADA | {"number": "1", "extension_group_id": elsewhere}), 400)
    assert "not_found" in refused["extension_group_id"]
    assert 200 == (await other.ask("DELETE", f"/groups/{elsewhere}")).status


async def test_a_group_with_members_stays(office: Office) -> None:
    """It can be deleted when the last of them has left."""
    sales = await group(office)
    member = await extension(office, extension_group_id=sales)
    assert "move them" in (await office.ask("DELETE", f"/groups/{sales}")).body.decode()
    assert 200 == (await office.get(f"/groups/{sales}")).status
    assert 200 == (await office.ask("PATCH", f"/users/{member}", {"extension_group_id": None})).status
    assert 200 == (await office.ask("DELETE", f"/groups/{sales}")).status


async def test_a_member_that_comes_as_its_group_goes(office: Office) -> None:
    """It is in a group that is there, or it is refused."""
    for lap in range(5):
        sales = await group(office)
        coming = [
            office.ask("PUT", "/extensions", ADA | {"number": f"{lap}{number}", "extension_group_id": sales})
            for number in range(3)
        ]
        *came, deleted = await asyncio.gather(*coming, office.ask("DELETE", f"/groups/{sales}"))
        there = (await office.get(f"/groups/{sales}")).status == 200
        members = await office.ids(f"/extensions?filter_extension_group_id={sales}")
        assert there == (deleted.status != 200)
        assert {each.status for each in came} <= {201, 400, 409}
        assert (len(members) if there else 0) == len(members) == sum(each.status == 201 for each in came)


async def test_a_user_sees_their_own(office: Office) -> None:
    """For a user there is one extension, whose number and group only administrators change."""
    sales = await group(office)
    id, client = await office.login(number="1", extension_group_id=sales)
    other = await extension(office, "2")
    user = Office(office.world, client, office.id)
    assert [id] == await user.ids("/extensions") == await user.ids(f"/groups/{sales}/extensions")
    for method in ("GET", "POST", "PATCH"):
        told(await user.ask(method, f"/extensions/{other}", ADA | {"number": "2"}), 404)
    told(await user.get(f"/extensions/{other}/devices"), 404)
    told(await user.ask("DELETE", f"/extensions/{id}"), 403)
    told(await user.ask("PUT", "/extensions", ADA | {"number": "3"}), 403)
    for noun in ("extensions", "users"):
        for field, value in (("number", "9"), ("extension_group_id", "x"), ("extension_type", "fax")):
            assert "forbidden" in told(await user.ask("PATCH", f"/{noun}/{id}", {field: value}), 400)[field]
        for field in ("number", "extension_group_id", "extension_type"):
            assert "forbidden" in told(await user.ask("PATCH", f"/{noun}/{id}", {field: None}), 400)[field]
        replaced = await user.ask("POST", f"/{noun}/{id}", {"username": "person", "first_name": "A", "last_name": "B"})
        assert "password" in told(replaced, 400)  # a new name needs one; what was there stays
    known = (await office.get(f"/extensions/{id}")).data
    assert ("1", sales, "phone") == tuple(known[key] for key in ("number", "extension_group_id", "extension_type"))


@pytest.mark.parametrize("path", ["/extensions", f"/extensions/{NOWHERE}"])
async def test_another_tenant(office: Office, path: str) -> None:
    """The account of strangers is as good as missing."""
    told(await office.client.get(f"/accounts/{office.world.stranger}{path}"), 404)


async def test_a_table(office: Office) -> None:
    """As CSV there is a line for each, with the columns that users have."""
    await extension(office)
    for full in ("false", "true"):
        text = (await office.get(f"/extensions?accept=csv&full_docs={full}")).body.decode()
        [row] = csv.DictReader(text.splitlines())
        columns = (await office.get(f"/users?accept=csv&full_docs={full}")).body.decode().splitlines()[0]
        assert ("101", columns) == (row["number"], text.splitlines()[0])


def test_two_nouns_with_one_kind() -> None:
    """Both nouns say the same of the documents that they share, so that either can stop and start."""
    found = {each.name: each.endpoint for each in Folder(bundled_folder(), BUNDLED).find() if each.endpoint is not None}
    assert found["users"].kinds() == found["extensions"].kinds()


async def test_one_noun_without_the_other(tmp_path: Path) -> None:
    """Users can stop and start while extensions go on, and the other way round."""
    world: World = await small_world()
    client = await world.client()
    for noun, other in (("users", "extensions"), ("extensions", "users")):
        await world.app.changes.stop(noun)
        assert (503, 200) == (
            (await client.get(f"/account/{noun}")).status,
            (await client.get(f"/account/{other}")).status,
        )
        await world.app.changes.start(noun)
        assert 200 == (await client.get(f"/account/{noun}")).status
    await world.app.stop()


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_a_store_from_before(tmp_path: Path, store: str) -> None:
    """Users who were stored when there were no numbers are there, and can get one."""
    made = make_store(store, tmp_path)
    before = ("username", "first_name", "last_name", "email", "priv_level", "enabled", "timezone", "presence_id")
    await made.open([Kind("users", before, ("username",), ("id",), ("credentials.md5", "credentials.sha"))])
    old = Document.of("a0" * 16, "users", "f" * 32, ADA | {"username": "old"}, 1_700_000_000)
    await made.write([Insert(old)])
    if store == "sqlite":
        await made.close()
    world = await small_world(made)
    office = Office(world, await world.client(), world.master)
    assert old.id in await office.ids("/users")
    assert 200 == (await office.ask("PATCH", f"/users/{old.id}", {"number": "1"})).status
    assert old.id in await office.ids("/extensions")
    assert "unique" in told(await office.ask("PUT", "/users", ADA | {"number": "1"}), 400)["number"]
    await world.app.stop()
