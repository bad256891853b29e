"""From a Query to what MongoDB is asked, and from its records to rows.

Each listing is read along one index, which MongoDB is told to use: `page` in the order of keys, or `fields` for those
that have one value in a declared field, in that order too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import orjson
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor

from ...filters import Filter, matches
from .. import Query, listing_key
from .layout import Record, Shelf
from .marks import Selection, by_field, decides, selection

Collection = AsyncCollection[dict[str, Any]]

_BATCH = 500
_LOOKED_AT = ("body", "private", "wide")


class Asked(NamedTuple):
    """What MongoDB is asked for: the condition, and the index that it reads along.

    Of `filters`, documents marked `*` have to be looked into, and all of them if something is `undecided`.
    """

    condition: Selection
    along: str
    filters: tuple[Filter, ...]
    undecided: bool


def asked(query: Query, shelf: Shelf, now: int) -> Asked | None:
    """What a query asks for; None if nothing can be found."""
    condition: Selection = {"tenant": query.tenant, "deleted": False, "until": {"$gt": now}}
    if key := _bounds(query):
        condition["key"] = key
    if modified := _between(query.modified_from, query.modified_to):
        condition["modified"] = modified
    index, others = "page", []
    for filter in query.filters:
        if index == "page" and (filter.private, filter.path) in shelf.declared:
            found = by_field(filter)
            if found is not None:
                condition |= found
                index = "fields"
                continue
        kept = selection(filter)
        if kept is None:
            return None
        if kept:
            others.append(kept)
    if others:
        condition["$and"] = others
    return Asked(condition, index, query.filters, not all(map(decides, query.filters)))


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
    cursor: AsyncCursor[Record] = collection.find(
        asked.condition,
        {"_id": 0, **shown},
        sort=[("key", direction)],
        hint=asked.along,
        batch_size=min(_BATCH, (most or _BATCH) + query.skip),
        session=session,
    )
    # NOTE: a document that is looked into may drop out, so that nobody knows how many have to be read.
    if not looks:
        cursor = cursor.skip(query.skip)
        if most is not None:
            cursor = cursor.limit(most)
    passed, given = 0 if looks else query.skip, 0
    async with cursor:
        async for record in cursor:
            if looks and (asked.undecided or record.get("wide")) and not _keeps(asked.filters, record):
                continue
            if passed < query.skip:
                passed += 1
                continue
            yield record
            given += 1
            if given == most:
                return


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
