"""Filters are carried out by MongoDB, and nothing that a client wrote reaches it as anything but a value.

Each text that a client sends holds a sign by which it is known again. A record of all commands shows where that sign
stands, what MongoDB's words the commands are made of, and that each names the tenant.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from bson.code import Code
from bson.regex import Regex

from crossbar.errors import CrossbarError
from crossbar.filters import OPERATORS, Filter
from crossbar.stores import Delete, Drop, Guard, Insert, Keep, Query, Replace
from crossbar.stores.mongo import MongoStore
from crossbar.testing import Clock, World, make_store, small_world
from tests.contract.blobs import finished, read
from tests.contract.documents import KINDS, NOW, device, document
from tests.walk.tools import SETTINGS

from .listening import Command, Commands, client_text_leaks, unscoped

SIGN = "zzsignzz"
HOSTILE = [
    SIGN,
    f"${SIGN}",
    f"$$ROOT.{SIGN}",
    f"$where: {SIGN}",
    f"{SIGN}.$gt",
    f"a.{SIGN}.0.$[]",
    f"^{SIGN}.*$|(a+)+",
    f"/{SIGN}/i",
    f'{{"$gt":"{SIGN}"}}',
    f'{{"$where":"return \'{SIGN}\'"}}',
    f'{{"{SIGN}":{{"$ne":null}}}}',
    f'["$in","{SIGN}"]',
    f"'; return true; // {SIGN}",
    f"{SIGN}]=?[*#:~",
    f"é\u2028{SIGN}",
    SIGN * 40,
]
NULS = [f"{SIGN}\0", f"\0$where{SIGN}"]
WORDS = {
    *("$and", "$or", "$in", "$nin", "$ne", "$gt", "$gte", "$lt", "$lte", "$exists"),
    *("$set", "$unset", "$inc", "$match", "$group", "$sum"),
}
"""All that commands on collections of documents are made of; no word here takes a pattern, an expression or code."""
ENVELOPE = {"$db", "$readPreference", "$clusterTime"}
UNSCOPED = ("locks", "kinds", "blobs.loose", "blobs.chunks", "blobs.files", "tallies")
"""Collections that hold nothing that a client may look for, or what only the id of an owner leads to."""


def listened(store: MongoStore) -> Commands:
    """A record of what the store sends once it is open."""
    commands = Commands()
    address = store._address
    store._address = address._replace(options={**address.options, "event_listeners": [commands]})
    return commands


def words(value: Any) -> Iterator[str]:
    """All keys that begin with a dollar, however deep, and the types that are code or patterns."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            if key.startswith("$"):
                yield key
            yield from words(below)
    elif isinstance(value, list | tuple):
        for below in value:
            yield from words(below)
    elif isinstance(value, Regex | re.Pattern | Code):
        yield type(value).__name__


def strange(commands: Commands) -> set[str]:
    """MongoDB's words in commands that are none of those that the store has use for."""
    # NOTE: notes of limits are written by the server's clock, which needs words of its own.
    asked = (command for command in commands if command.collection != "tallies")
    return {word for command in asked for word in words(command.whole)} - WORDS - ENVELOPE


def hold(commands: Commands) -> None:
    """See that the client's texts were sent, as values, and that nothing else is as it should not be."""
    assert [] == client_text_leaks(commands, [SIGN])
    assert set() == strange(commands)
    assert [] == unscoped(commands, UNSCOPED)
    sent = any(SIGN in repr(command.whole) for command in commands)
    assert sent


# -- through the store --------------------------------------------------------------------------------------


@pytest.fixture
async def store(mongo_database: str) -> AsyncIterator[tuple[MongoStore, Commands]]:
    """Give a store that is open, and what it sends from now on."""
    store = MongoStore(mongo_database)
    commands = listened(store)
    await store.open(KINDS)
    commands.clear()
    yield store, commands
    await store.close()


async def test_filters(store: tuple[MongoStore, Commands]) -> None:
    """Every operator, with hostile paths and values, in listings, whole documents, counts and guards."""
    asked, commands = store
    for n, text in enumerate(HOSTILE + NULS):
        for operator in OPERATORS:
            value: Any = (text, "b") if operator in ("any", "none", "all") else text
            for path in ((text,), ("sip", text, text), ("owner_id",)):
                wanted = (Filter(operator, path, value, private=n % 2 == 0),)
                query = Query(text, "devices", wanted, start=text, descending=n % 3 == 0)
                await (asked.page, asked.find, asked.count)[n % 3](query)
        await asked.write([Guard(Query(text, "devices", (Filter("is", (text,), {text: [text]}),)), finds=False)])
    assert len(commands.named("find")) > 10 * len(HOSTILE)
    hold(commands)


async def test_documents(store: tuple[MongoStore, Commands]) -> None:
    """Hostile ids, tenants, keys and values are stored as they are, found again, changed and deleted."""
    asked, commands = store
    for text in HOSTILE + NULS:
        body: dict[str, Any] = {
            text: {text: [text, {text: text}]},
            "mac": text,
            "owner_id": text,
            "sip": {"username": text},
        }
        made = device(text, tenant=text, private={text: text, "token": text}, **body)
        await asked.write([Insert(made)])
        assert made == await asked.get(text, "devices", text)
        assert [made] == await asked.find(Query(text, "devices", (Filter("is", (text, text, text), None),)))
        assert 1 == await asked.count(Query(text, "devices", (Filter("is", ("owner_id",), text),)))
        blob = await finished(asked, text.encode())
        note = document("notes", text, tenant=text)
        await asked.write([Replace(made.with_data(body)), Insert(note), Keep(blob, text, "notes", text)])
        assert text.encode() == await read(asked, blob, tenant=text)
        assert None is await read(asked, blob, tenant=text + "x")
        with pytest.raises(CrossbarError):
            await asked.write([Insert(device("other", tenant=text, mac=text))])
        await asked.write([Drop(text, blob.id), Drop(text, text)])
        # One that has expired makes way for its successor.
        await asked.write([Insert(device(f"{text} before", tenant=text, mac=f"{text} before", expires=NOW))])
        await asked.write([Insert(device(f"{text} before", tenant=text, mac=f"{text} before"))])
        await asked.write([Delete(text, "devices", text), Delete(text, "notes", text, purge=True)])
        assert None is await asked.get(text, "devices", text)
    hold(commands)


async def test_a_blob_of_any_name_is_not_there(store: tuple[MongoStore, Commands]) -> None:
    """What is no id of a blob leads to none."""
    asked, commands = store
    for text in HOSTILE + NULS:
        with pytest.raises(CrossbarError, match="blob"):
            await anext(asked.read_blob(text, text))
    hold(commands)


# -- through the application --------------------------------------------------------------------------------


@pytest.fixture
async def world(mongo_database: str) -> AsyncIterator[tuple[World, Commands]]:
    """Give an application on MongoDB, and what its store sends from now on."""
    clock = Clock()
    store = make_store(mongo_database, clock=clock)
    assert isinstance(store, MongoStore)
    commands = listened(store)
    world = await small_world(store, SETTINGS, clock=clock)
    commands.clear()
    yield world, commands
    await world.app.stop()


async def test_the_words_of_a_query(world: tuple[World, Commands]) -> None:
    """Names and values of filters, of every sort, on a listing of each kind of field."""
    app, commands = world
    client = await app.client("reseller")
    names = ["filter_", "filter_not_", "filter_any_", "filter_none_", "filter_array_intersect_all_"]
    for text in HOSTILE:
        value = orjson.dumps([text, {"$gt": text}]).decode()
        for prefix in names:
            many = prefix not in ("filter_", "filter_not_")
            for name in (text, f"name.{text}", "owner_id", "name"):
                query = {f"{prefix}{name}": value if many else text}
                answer = await client.get(f"/accounts/{app.reseller}/devices", query=query)
                assert answer.status in (200, 400), answer.body
        for word in ("has_key", "key_missing", "has_value", "value_missing", "start_key", "created_from", "page_size"):
            answer = await client.get(f"/accounts/{app.reseller}/users", query={word: text, "page": "1"})
            assert answer.status in (200, 400), answer.body
    hold(commands)


async def test_paths_and_bodies(world: tuple[World, Commands]) -> None:
    """Ids of documents and accounts, fields of bodies and their names, in creates, changes and deletes."""
    app, commands = world
    client = await app.client("reseller")
    for n, text in enumerate(HOSTILE):
        segment = quote(text[:200], safe="")
        for path in (f"/accounts/{segment}", f"/accounts/{app.reseller}/devices/{segment}", f"/{segment}"):
            for method in ("GET", "PATCH", "DELETE"):
                data = {"name": text} if method == "PATCH" else None
                assert (await client.request(method, path, data)).status in (400, 403, 404, 405)
        body: dict[str, Any] = {
            "name": f"{text[:60]}{n}",
            f"extra_{n}": text,
            "note": {text[:100]: [text, {"$gt": text}]},
        }
        made = await client.put(f"/accounts/{app.reseller}/devices", body)
        assert made.status in (201, 400), made.body
        if made.status == 201:
            place = f"/accounts/{app.reseller}/devices/{made.data['id']}"
            assert 200 == (await client.patch(place, {"note": {"$set": text}})).status
            assert 200 == (await client.get(f"{place}?filter_note={segment}")).status
            assert 200 == (await client.delete(place)).status
        await client.put(f"/accounts/{app.reseller}/devices", {"name": {"$gt": text}, "owner_id": {"$ne": text}})
        await client.put(f"/accounts/{app.reseller}/devices", body, headers={"Idempotency-Key": text.encode().hex()})
    hold(commands)


async def test_logins(world: tuple[World, Commands]) -> None:
    """Names of accounts and users, digests and keys, as text and as objects."""
    app, commands = world
    client = await app.client("reseller")
    client.token = None
    for text in HOSTILE:
        for wrong in (text, {"$gt": text}, {"$ne": None, text: text}, [text]):
            for data in (
                {"credentials": wrong, "account_name": "reseller"},
                {"credentials": "0" * 32, "account_name": wrong},
                {"credentials": "0" * 32, "account_realm": wrong},
                {"credentials": "0" * 32, "phone_number": wrong},
            ):
                answer = await client.put("/user_auth", data)
                assert answer.status in (400, 401, 404), answer.body
            assert (await client.put("/api_auth", {"api_key": wrong})).status in (400, 401, 404)
        header = {"X-Auth-Token": quote(text)[:500]}
        assert 401 == (await client.get(f"/accounts/{app.reseller}", headers=header)).status
    hold(commands)


# -- the check itself ---------------------------------------------------------------------------------------


FIND: dict[str, Any] = {"find": "d_devices", "filter": {"tenant": "a"}}
UPDATE = {"q": {"tenant": "a"}, "u": {"$set": {"a": SIGN}}}
WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "a field": ("leak", FIND | {"filter": {"tenant": "a", SIGN: 1}}),
    "an operator": ("leak", FIND | {"filter": {"tenant": "a", "marks": {f"${SIGN}": 1}}}),
    "a pattern": ("leak", FIND | {"filter": {"tenant": "a", "name": {"$regex": SIGN}}}),
    "a pattern of BSON": ("leak", FIND | {"filter": {"tenant": "a", "name": Regex(SIGN)}}),
    "an order": ("leak", FIND | {"sort": {SIGN: 1}}),
    "a hint": ("leak", FIND | {"hint": SIGN}),
    "a changed field": ("leak", {"update": "d_x", "updates": [UPDATE | {"u": {"$set": {f"body.{SIGN}": 1}}}]}),
    "a field path": ("leak", {"update": "d_x", "updates": [UPDATE | {"u": [{"$set": {"a": f"${SIGN}"}}]}]}),
    "a stored field": ("leak", {"insert": "d_devices", "documents": [{SIGN: 1}]}),
    "code": ("word", FIND | {"filter": {"tenant": "a", "$where": "x"}}),
    "an expression": ("word", FIND | {"filter": {"tenant": "a", "$expr": {"$eq": ["$a", "$b"]}}}),
    "any pattern": ("word", FIND | {"filter": {"tenant": "a", "name": re.compile("x")}}),
    "all tenants": ("tenant", FIND | {"filter": {"marks": {"$in": ["x"]}}}),
    "a deletion in all tenants": ("tenant", {"delete": "d_devices", "deletes": [{"q": {"id": "x"}}]}),
    "nothing": ("", FIND | {"filter": {"tenant": SIGN, "marks": {"$in": [f"${SIGN}"]}}}),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_would_be_seen(name: str) -> None:
    """Each of the three questions has an answer of its own, and what is in order passes."""
    fault, whole = WRONG[name]
    commands, command = Commands(), next(iter(whole))
    commands._all.append(Command(command, whole[command], whole))
    found = {
        "leak": bool(client_text_leaks(commands, [SIGN])),
        "word": bool(strange(commands)),
        "tenant": bool(unscoped(commands, UNSCOPED)),
    }
    assert found[fault] if fault else not any(found.values())
