"""What a database has and lacks of what the kinds of an installation need, and how its servers are set up.

`look` changes nothing. `make` makes what is missing, also what somebody has taken away since it was made first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pymongo
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from ...errors import StoreUnavailable
from .. import Kind
from .connection import Connection
from .layout import LAYOUT, PREFIX, TTL_GRACE, Index, Shelf
from .locks import LOCKS
from .preparing import BLOBS, KINDS, SHARED_INDEXES, lacks, prepare
from .sharding import divided, ill_divided

DOUBTFUL_CLOCK = 60
"""Seconds by which the clocks of server and this machine differ that are worth a word."""


class Place(NamedTuple):
    """A collection that is needed: whether it is there, its indexes that are not as they should be, and more."""

    name: str
    there: bool
    indexes: tuple[tuple[str, str], ...] = ()
    """Names of indexes, with what is to be done about each: `made`, `made anew`, `dropped`."""
    behind: bool = False
    """Whether its records, as far as is known, were made for another form of the kind."""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to be done."""
        return self.there and not self.indexes and not self.behind


@dataclass(slots=True)
class Overview:
    """What was found: facts about the servers by their names, the collections, and what is wrong or odd."""

    facts: dict[str, str]
    places: list[Place]
    sharded: bool
    failed: set[str] = field(default_factory=set)
    """The collections of which something could not be made; `faults` says why."""
    faults: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong or missing; doubts and notes are none of that."""
        return not self.faults and all(place.ok for place in self.places)


async def look(connection: Connection, kinds: Iterable[Kind]) -> Overview:
    """What there is for these kinds, in a connection that has begun. Nothing is changed."""
    found, shelves = await _servers(connection), [Shelf(kind) for kind in kinds]
    found.places = [place async for place in _places(connection, shelves)]
    found.notes += [note async for note in _foreign(connection, found.places, shelves)]
    there = {place.name for place in found.places if place.ok}
    for shelf in shelves:
        if shelf.collection in there:
            found.faults += [fault async for fault in _scans(connection, shelf)]
    if found.sharded:
        keys = await divided(connection)
        found.facts["divided"] = "unknown to this user" if keys is None else ", ".join(sorted(keys)) or "nothing"
        found.faults += ill_divided(keys, shelves)
        if keys is None:
            found.doubts.append(
                "by what collections are divided is unknown to this user: grant it the role read on the database config"
            )
    await _try_transaction(connection, found, change=False)
    return found


async def make(
    connection: Connection,
    kinds: Iterable[Kind],
    now: int,
    *,
    renew: bool = False,
    tell: Callable[[str, int, int], None] = lambda kind, done, total: None,
) -> Overview:
    """Make what is missing for these kinds; the places are what they were before.

    With `renew` what records are found by is written anew for all of them, also where it seems to be right. `tell` is
    called now and then with the kind at work, how many records are done, and about how many there are.
    """
    found = await _servers(connection)
    shelves = {kind.name: Shelf(kind) for kind in kinds}
    found.places = [place async for place in _places(connection, shelves.values())]
    lacking = {place.name for place in found.places if renew or not place.ok}
    # NOTE: what is said to be ready and is not would be passed over.
    unready = [name for name, shelf in shelves.items() if shelf.collection in lacking]
    unready += [BLOBS] if lacking & {*SHARED_INDEXES, LOCKS} else []
    await connection.database[KINDS].delete_many({"_id": {"$in": unready}})
    at_work = [shelf.collection for shelf in shelves.values() if shelf.collection in lacking]
    total = sum([await connection.database[name].estimated_document_count() for name in at_work])
    done = 0

    def passed(kind: str, count: int) -> None:
        nonlocal done
        done += count
        tell(kind, done, total)

    for shelf in shelves.values():
        try:
            await prepare(connection, [shelf.kind], now, tell=passed)
        except StoreUnavailable as fault:
            found.failed.add(shelf.collection)
            found.faults.append(str(fault))
    await _try_transaction(connection, found, change=True)
    return found


async def _servers(connection: Connection) -> Overview:
    """Who answers there, how they are set up, and what of that is wrong or odd."""
    before = datetime.now(UTC)
    with pymongo.timeout(connection.answers_within):
        hello = await connection.client.admin.command("hello")
        after = datetime.now(UTC)
        status = await connection.client.admin.command("connectionStatus")
    ahead = (hello["localTime"].replace(tzinfo=UTC) - before - (after - before) / 2).total_seconds()
    sharded, concern = hello.get("msg") == "isdbgrid", connection.database.write_concern.document
    members = len(hello.get("hosts", ())) + len(hello.get("passives", ()))
    found = Overview(
        {
            "server": f"MongoDB {connection.server}, {_topology(hello, members)}",
            "clock": f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's",
            "user": _user(status["authInfo"]),
            "writes": f"acknowledged by {concern['w']}{', in the journal' if concern.get('j') else ''}",
            "reads": f"{connection.database.read_concern.level}; lists: {connection.lists.read_preference.mongos_mode}",
        },
        [],
        sharded,
    )
    if abs(ahead) > TTL_GRACE:
        found.faults.append(f"the clocks differ by {abs(ahead):.0f} s, more than {TTL_GRACE}: set them by NTP")
    elif abs(ahead) > DOUBTFUL_CLOCK:
        found.doubts.append(f"the clocks differ by {abs(ahead):.0f} s: set them by NTP")
    if not sharded and isinstance(concern["w"], int) and concern["w"] > members:
        found.faults.append(f"no write can reach {concern['w']} servers (store.mongodb.write_concern), of {members}")
    if concern["w"] == 1 or not concern.get("j"):
        found.doubts.append("the end of one server can take acknowledged writes with it: see store.mongodb")
    if not sharded and members < 3:
        found.doubts.append(f"a replica set of {members} does not outlive the loss of a server; three do")
    return found


def _topology(hello: Mapping[str, Any], members: int) -> str:
    if hello.get("msg") == "isdbgrid":
        return "a sharded cluster"
    return f"replica set {hello['setName']} of {members}"


def _user(info: Mapping[str, Any]) -> str:
    users = [user["user"] for user in info.get("authenticatedUsers", ())]
    roles = [f"{role['role']} on {role['db']}" for role in info.get("authenticatedUserRoles", ())]
    return f"{', '.join(users)}: {', '.join(roles) or 'no roles'}" if users else "nobody is logged in"


async def _places(connection: Connection, shelves: Iterable[Shelf]) -> AsyncIterator[Place]:
    """What each collection has and lacks: those of the kinds, and then those that all share."""
    database = connection.database
    there = set(await database.list_collection_names())
    made = {each["_id"]: each["fingerprint"] async for each in database[KINDS].find({}, {"fingerprint": 1})}
    wanted: list[tuple[str, Iterable[Index], bool]] = [
        (shelf.collection, shelf.indexes(), made.get(shelf.kind.name) != shelf.fingerprint) for shelf in shelves
    ]
    behind = made.get(BLOBS) != f"layout {LAYOUT}"
    wanted += [(name, indexes, behind) for name, indexes in SHARED_INDEXES.items()]
    for name, indexes, old in wanted:
        found = await lacks(database, name, indexes)
        yield Place(name, name in there, tuple((each.called, each.what) for each in found), old)
    yield Place(LOCKS, LOCKS in there)


async def _foreign(connection: Connection, places: Iterable[Place], shelves: Iterable[Shelf]) -> AsyncIterator[str]:
    """A word on each collection and index of the database that nobody here needs; they are left alone."""
    database, ours = connection.database, {place.name for place in places} | {KINDS}
    for name in sorted(await database.list_collection_names()):
        if name.startswith("system."):
            continue
        if name not in ours:
            why = "a kind that no module here has" if name.startswith(PREFIX) else "not of Crossbar"
            yield f"collection {name}: {why}"
    needed = {name: {index.name for index in indexes} for name, indexes in SHARED_INDEXES.items()}
    needed |= {shelf.collection: {index.name for index in shelf.indexes()} for shelf in shelves}
    for place in [place for place in places if place.there and place.name in needed]:
        stale = {name for name, what in place.indexes if what == "dropped"}
        async for index in await database[place.name].list_indexes():
            if index["name"] not in needed[place.name] | stale | {"_id_"}:
                yield f"index {index['name']!r} of {place.name}: not of Crossbar"


async def _scans(connection: Connection, shelf: Shelf) -> AsyncIterator[str]:
    """A sentence for each listing of a kind for which the server would go through the whole collection."""
    some = {"tenant": "", "deleted": False, "until": {"$gt": 0}}
    listings: dict[str, dict[str, Any]] = {"page": some}
    if shelf.declared:
        listings["fields"] = some | {"fields": {"$in": [""]}}
    for along, condition in listings.items():
        for direction in (-1, 1):
            asked = {"find": shelf.collection, "filter": condition, "sort": {"key": direction}, "hint": along}
            with pymongo.timeout(connection.answers_within):
                plan = await connection.database.command("explain", asked, verbosity="queryPlanner")
            if "COLLSCAN" in stages(plan):
                yield f"{shelf.collection}: a listing along the index {along!r} goes through the whole collection"
                break


def stages(plan: Any) -> Iterator[str]:
    """The stages of what `explain` has chosen, on one server or on several."""
    if isinstance(plan, Mapping):
        if isinstance(stage := plan.get("stage"), str):
            yield stage
        for name, below in plan.items():
            if name not in ("rejectedPlans", "command"):
                yield from stages(below)
    elif isinstance(plan, list):
        for below in plan:
            yield from stages(below)


async def _try_transaction(connection: Connection, found: Overview, *, change: bool) -> None:
    """See whether there are transactions, with a write in one: undone, or with `change` committed and gone again."""
    locks, mine = connection.database[LOCKS], {"_id": "crossbar store"}

    async def work(session: AsyncClientSession) -> None:
        await session.start_transaction(**connection.transactions())
        if not change:
            await locks.update_one(mine, {"$inc": {"n": 1}}, session=session)
            await session.abort_transaction()
            return
        await locks.insert_one(mine | {"n": 0}, session=session)
        await locks.delete_one(mine, session=session)
        await session.commit_transaction()

    try:
        async with connection.client.start_session(causal_consistency=False) as session:
            with pymongo.timeout(connection.answers_within):
                await work(session)
    except OperationFailure as error:
        found.faults.append(f"transactions fail: {str(error).partition(', full error:')[0]}")
    else:
        found.facts["transactions"] = "work"
