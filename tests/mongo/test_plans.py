"""How MongoDB finds what it is asked for: by an index, whatever is listed, looked up, changed or tidied up.

What the store sends is recorded, and the server asked how it would do it. The one walk over everything is that of a
kind that has changed.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import crossbar
from crossbar.errors import CrossbarError
from crossbar.filters import Filter, where
from crossbar.stores import Delete, Document, Drop, Guard, Insert, Keep, Kind, Query, Replace
from crossbar.stores.mongo import MongoStore
from crossbar.stores.mongo.layout import PREFIX
from tests.contract.blobs import finished, read
from tests.contract.documents import DEVICES, KINDS, NOTES, NOW, device, devices, document, insert

from .declared import declared
from .listening import Command
from .planning import Asked, led, looked_up, stages, total
from .servers import Server, differs

SOURCES = [Path(crossbar.__file__).parent, Path(crossbar.__file__).parents[1] / "modules"]


@pytest.fixture
async def asked(mongo_server: Server, mongo_database: str) -> AsyncIterator[Asked]:
    """Give a store that is not open yet, and what it sends."""
    asked = Asked(mongo_database, mongo_server)
    yield asked
    await asked.store.close()


# -- listings -----------------------------------------------------------------------------------------------


def listings(kind: Kind) -> Iterator[tuple[Query, str]]:
    """The questions that any listing of a kind can be asked, each with the index that it is to be read along."""
    plain = Query("acme", kind.name, limit=10)
    yield plain, "page"
    for more in (
        {"descending": False},
        {"start": f"{NOW:012d}x", "full": True},
        {"start": f"{NOW:012d}x", "descending": False, "skip": 5},
        {"created_from": NOW, "created_to": NOW + 9},
        {"modified_from": NOW},
        {"filters": (Filter("equals", ("no", "such"), "x"), Filter("has_key", ("other",)))},
    ):
        yield Query(**{name: getattr(plain, name) for name in ("tenant", "kind", "limit")} | more), "page"
    fields = [(dotted, False) for dotted in kind.indexes] + [(dotted, True) for dotted in kind.private_indexes]
    for dotted, private in fields:
        one = where(dotted, "x", private=private)
        yield Query("acme", kind.name, (Filter("has_key", ("other",)), one)), "id" if dotted == "id" else "fields"
        same = Filter("equals", one.path, "5", private)
        yield Query("acme", kind.name, (same,), created_from=NOW, start=f"{NOW:012d}", descending=False), "fields"
    for dotted in kind.unique:
        yield Query("acme", kind.name, (where(dotted, "x"), Filter("differs", ("other",), ""))), f"unique {dotted}"


async def test_every_listing_of_every_module(asked: Asked) -> None:
    """Pages both ways, windows of time, declared and unique fields, and counts: all along the index meant for them."""
    kinds = await declared()
    await asked.open(*kinds.values())
    for kind in kinds.values():
        for query, index in listings(kind):
            await asked.store.page(query)
            await asked.store.count(query)
            sent = asked.sent()
            assert {index} == {command.whole["hint"] for command in sent}, query
            assert ["find", "aggregate"] == [command.name for command in sent[:2]]
            for command in sent:
                led(asked, command)


OWN: dict[str, tuple[str, tuple[Filter, ...], str]] = {
    "credentials.{method}": ("users", (where("credentials.md5", "x", private=True),), "fields"),
    "prefix": ("accounts", (where("prefix", "x"),), "unique prefix"),
    "realm": ("accounts", (where("realm", "x"),), "unique realm"),
    "login_name": ("accounts", (where("login_name", "x", private=True),), "fields"),
    "parent": ("accounts", (where("parent", "x", private=True),), "fields"),
    "number": ("users", (where("number", "x"),), "unique number"),
    "id": ("messages", (where("id", ""),), "id"),
    "holder": ("oauth_sessions", (where("holder", "x"),), "fields"),
    "user_id": ("oauth_credentials", (where("user_id", "x"),), "fields"),
    "source_id": ("messages", (where("source_id", "x"), where("type", "fax")), "fields"),
    "type": ("messages", (where("owner_id", "x"), where("type", "voicemail")), "fields"),
    "folder": ("messages", (where("folder", "x"),), "fields"),
    "owner_id": ("vmboxes", (where("id", "x"), where("owner_id", "y")), "id"),
    "interaction_id": ("cdrs", (where("interaction_id", "x"),), "fields"),
    "head": ("cdrs", (where("head", True, private=True), where("owner_id", "x")), "fields"),
    "prompt_id": ("media", (where("prompt_id", "x"),), "fields"),
    "language": ("media", (where("language", "x"),), "fields"),
    "hook_id": ("webhook_attempts", (where("hook_id", "x"),), "fields"),
    "host": ("webhook_deliveries", (where("host", "x"),), "fields"),
    # What follows reads a whole listing, and looks at each document by its marks.
    "tree": ("accounts", (Filter("contains", ("tree",), "x", True),), "page"),
    "language, missing": ("media", (Filter("key_missing", ("language",)),), "page"),
    "host, others": ("webhook_deliveries", (Filter("none", ("host",), ("x",)),), "page"),
}
"""The questions that modules and the framework ask by themselves, by the field: a kind, filters, and the index."""


async def test_what_modules_ask_by_themselves(asked: Asked) -> None:
    """Who is logged in, who is whose parent, what belongs to what: by an index."""
    kinds = await declared()
    await asked.open(*kinds.values())
    for kind, filters, index in OWN.values():
        await asked.store.find(Query("acme", kind, filters, limit=1))
        (command,) = asked.sent()
        assert index == command.whole["hint"], filters
        led(asked, command)


def test_all_that_modules_ask_is_in_the_table() -> None:
    """A question that is new in the code has to be entered above."""
    asked = set()
    for source in (path for folder in SOURCES for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("where", "holding"):
                first = node.args[0]
                if isinstance(first, ast.Constant | ast.JoinedStr):
                    asked.add(ast.unparse(first).removeprefix("f").strip("'\""))
    assert asked
    assert set() == asked - set(OWN)


async def test_a_page_reads_little_more_than_its_rows(asked: Asked) -> None:
    """In the middle of a listing, in both directions, along either index, and with nothing to sort."""
    await asked.open(*KINDS)
    await insert(asked.store, *[device(f"d{n}", NOW + n, owner_id=n % 2) for n in range(200)])
    for filters in ((), (where("owner_id", 1),)):
        for descending in (False, True):
            start = f"{NOW + 100:012d}"
            await asked.store.page(devices(filters=filters, descending=descending, start=start, limit=10))
            (command,) = asked.sent()
            plan = asked.plan(command)
            assert total(plan, "totalDocsExamined") <= 100
            if differs(asked.server, "its plans have a SORT where an index has the order"):
                continue
            assert "SORT" not in {each["stage"] for each in stages(plan)}
            assert total(plan, "totalKeysExamined") <= 13


# -- single documents, blobs, and what is behind ------------------------------------------------------------


async def done(store: MongoStore, tenant: str) -> None:
    """All that can be done to single documents and their blobs."""
    one: Document = device("one", tenant=tenant, mac="m1", owner_id="o")
    note = document("notes", "n", tenant=tenant)
    await store.write([Insert(one)])
    await store.get(tenant, "devices", "one")
    (one_again,) = await store.write([Replace(one)])
    assert one_again is not None
    guard = Guard(Query(tenant, "devices", (where("owner_id", "o"),)))
    await store.write([guard, Replace(one_again), Insert(note)])
    for wrong in (Insert(one), Insert(device("two", tenant=tenant, mac="m1")), Replace(one)):
        with pytest.raises(CrossbarError):
            await store.write([wrong])
        with pytest.raises(CrossbarError):
            await store.write([guard, wrong])
    blob, other = await finished(store, b"one"), await finished(store, b"other")
    await store.write([Keep(blob, tenant, "notes", "n"), Keep(other, tenant, "notes", "n")])
    await read(store, blob, tenant=tenant)
    await store.write([Drop(tenant, blob.id)])
    await (await store.new_blob()).discard()
    await store.write([Delete(tenant, "devices", "one", 3), Delete(tenant, "notes", "n", purge=True)])


async def test_single_documents_and_blobs(asked: Asked) -> None:
    """Every look-up, change and deletion names what an index begins with."""
    await asked.open(DEVICES, NOTES)
    await done(asked.store, "acme")
    sent = asked.sent()
    assert {"find", "update", "delete", "findAndModify"} <= {command.name for command in sent}
    assert {"d_devices", "d_notes", "blobs.files", "blobs.chunks", "blobs.loose"} == {each.collection for each in sent}
    for command in sent:
        if "hint" in command.whole:
            led(asked, command)
        else:
            looked_up(asked, command)


async def test_the_janitor(asked: Asked) -> None:
    """What has expired with its blobs, and blobs that are due, are found by indexes of their own."""
    await asked.open(DEVICES, NOTES)
    await insert(asked.store, document("notes", "n", expires=NOW + 5))
    await asked.store.write([Keep(await finished(asked.store, b"blob"), "acme", "notes", "n")])
    await finished(asked.store, b"loose")
    asked.clock.now = NOW + 2 * 24 * 3600
    asked.commands.clear()
    await asked.store.tidy()
    for command in asked.sent():
        if command.collection.startswith(PREFIX) and command.name == "find":
            assert "expired" == command.whole["hint"]
            chosen = {each.get("indexName") for each in stages(asked.plan(command))} - {None}
            assert {"expired"} == chosen
        else:
            looked_up(asked, command)
    assert 0 == asked.behind.d_notes.count_documents({})
    assert 0 == asked.behind["blobs.files"].count_documents({})


async def test_a_check_that_cannot_fail_is_none(asked: Asked) -> None:
    """A question without an index is seen, by what it asks and by how it would be carried out."""
    await asked.open(DEVICES)
    astray = Command("find", "d_devices", {"find": "d_devices", "filter": {"body": "x"}, "hint": {"$natural": 1}})
    assert "COLLSCAN" in {each["stage"] for each in stages(asked.plan(astray))}
    with pytest.raises(AssertionError):
        looked_up(asked, Command("find", "d_devices", {"find": "d_devices", "filter": {"tenant": "a", "body": "x"}}))
    with pytest.raises(AssertionError):
        led(asked, Command("find", "d_devices", {"find": "d_devices", "filter": {"id": "x"}, "hint": "id"}))
