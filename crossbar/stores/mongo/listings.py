"""From a Query to what MongoDB is asked, and from its records to rows.

Each listing is read along one index, which MongoDB is told to use: `page` in the order of keys, or `fields` for those
that have one value in a declared field, in that order too. What is asked for by its id or by the value of a unique
field is one document at most, and read along that index.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import orjson
from msgspec.structs import replace
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor

from ...filters import Filter, matches
from .. import Query, listing_key
from ..literals import literals_of
from .layout import Record, Shelf, unique_field, unique_value
from .marks import Selection, by_field, decides, selection

Collection = AsyncCollection[dict[str, Any]]

_BATCH = 500
_FEWEST = 100  # documents that are looked into are read at a time
_LOOKED_AT = ("key", "body", "private", "wide")


class Asked(NamedTuple):
    """What MongoDB is asked for: the condition, and the index that it reads along.

    Of `filters`, documents marked `*` have to be looked into, and all of them if something is `undecided`.
    """

    condition: Selection
    along: str
    filters: tuple[Filter, ...]
    undecided: bool


class _Along(NamedTuple):
    """An index to read along, what it is asked, and the filter that says so; the lower the rank, the fewer it finds."""

    rank: int
    name: str
    condition: Selection
    filter: Filter | None = None


def asked(query: Query, shelf: Shelf, now: int) -> Asked | None:
    """What a query asks for; None if nothing can be found."""
    condition: Selection = {"tenant": query.tenant, "deleted": False, "until": {"$gt": now}}
    if key := _bounds(query):
        condition["key"] = key
    if modified := _between(query.modified_from, query.modified_to):
        condition["modified"] = modified
    along, others = _along(query.filters, shelf), []
    condition |= along.condition
    for filter in query.filters:
        if filter is along.filter:
            continue
        kept = selection(filter)
        if kept is None:
            return None
        if kept:
            others.append(kept)
    if others:
        condition["$and"] = others
    return Asked(condition, along.name, query.filters, not all(map(decides, query.filters)))


def _along(filters: tuple[Filter, ...], shelf: Shelf) -> _Along:
    """The filter that leaves the fewest documents to be read, with the index that finds them."""
    best = _Along(4, "page", {})
    for filter in filters:
        found = _along_one(filter, shelf)
        if found is not None and found.rank < best.rank:
            best = found
    return best


def _along_one(filter: Filter, shelf: Shelf) -> _Along | None:
    if filter.operator == "is" and not filter.private and isinstance(filter.value, str | int | float):
        if filter.path == ("id",) and isinstance(filter.value, str):
            return _Along(1, "id", {"id": filter.value}, filter)
        for dotted, path in shelf.unique.items():
            if path == filter.path:
                values = [unique_value(literal) for literal in literals_of(filter.value) or ()]
                return _Along(1, f"unique {dotted}", {unique_field(dotted): {"$in": values}}, filter)
    condition = by_field(filter) if (filter.private, filter.path) in shelf.declared else None
    if condition is None:
        return None
    # NOTE: half of all documents may have the same truth value.
    return _Along(3 if isinstance(filter.value, bool) else 2, "fields", condition, filter)


async def records(
    query: Query,
    asked: Asked,
    collection: Collection,
    fields: tuple[str, ...],
    most: int | None,
    session: AsyncClientSession | None = None,
) -> AsyncIterator[Record]:
    """The records of a query in its order, `skip` of them passed over, at most so many."""
    looks = bool(asked.filters)
    shown = dict.fromkeys((*fields, *_LOOKED_AT) if looks else fields, 1)
    direction = -1 if query.descending else 1
    passed, given, read = 0 if looks else query.skip, 0, 0
    # PERF: with a limit MongoDB closes the cursor itself. Where all are looked into, nobody knows how many that takes.
    limit = 0 if most is None or asked.undecided else most + query.skip - passed
    cursor: AsyncCursor[Record] = collection.find(
        asked.condition,
        {"_id": 0, **shown},
        sort=[("key", direction)],
        hint=asked.along,
        skip=passed,
        limit=limit,
        batch_size=min(_BATCH, max((most or _BATCH) + query.skip, _FEWEST if asked.undecided else 0)),
        session=session,
    )
    async with cursor:
        async for record in cursor:
            read += 1
            if looks and (asked.undecided or record.get("wide")) and not _keeps(asked.filters, record):
                continue
            if passed < query.skip:
                passed += 1
                continue
            yield record
            given += 1
            if given == most:
                return
    # NOTE: some of those that the limit counted dropped out, so that there may be more behind the last one.
    if looks and limit and read == limit:
        rest, beyond = replace(query, skip=query.skip - passed), _beyond(asked, record["key"], direction)
        async for record in records(rest, beyond, collection, fields, most and most - given, session):
            yield record


async def count(query: Query, asked: Asked, collection: Collection) -> int:
    """How many documents a query has in all."""
    if asked.undecided:
        return await _looked_into(query, asked, collection)
    found = await collection.count_documents(asked.condition, hint=asked.along)
    if not asked.filters:
        return found
    wide = Asked({**asked.condition, "wide": True}, *asked[1:])
    passing = await collection.count_documents(wide.condition, hint=asked.along)
    return found if not passing else found - passing + await _looked_into(query, wide, collection)


async def _looked_into(query: Query, asked: Asked, collection: Collection) -> int:
    count = 0
    async for _ in records(query, asked, collection, (), None):
        count += 1
    return count


def _beyond(asked: Asked, key: str, direction: int) -> Asked:
    """The same behind a place in the listing, each document to be looked into."""
    bounds = {**asked.condition.get("key", {}), "$gt" if direction > 0 else "$lt": key}
    return asked._replace(condition={**asked.condition, "key": bounds}, undecided=True)


def _keeps(filters: tuple[Filter, ...], record: Mapping[str, Any]) -> bool:
    body = orjson.loads(record["body"])
    private = orjson.loads(record["private"]) if record["private"] else {}
    return all(matches(filter, private if filter.private else body) for filter in filters)


def _bounds(query: Query) -> Selection:
    """Where the listing begins and ends: creation times are the beginnings of keys."""
    bounds: Selection = {}
    if query.created_from is not None:
        bounds["$gte"] = listing_key(query.created_from)
    if query.created_to is not None:
        bounds["$lt"] = listing_key(query.created_to + 1)
    if query.start is not None and query.descending:
        bounds["$lte"] = query.start
    elif query.start is not None:
        bounds["$gte"] = max(query.start, bounds.get("$gte", ""))
    return bounds


def _between(low: int | None, high: int | None) -> Selection:
    return {sign: value for sign, value in (("$gte", low), ("$lte", high)) if value is not None}
