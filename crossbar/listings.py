"""Listings: what a request says about one, as a page, or as a stream of all that there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson
from msgspec.structs import replace

from .columns import columns_of
from .context import Context
from .errors import BadRequest
from .filters import Filter, field_at, put_at
from .negotiation import JSON
from .pagination import Listing, PageRequest
from .reply import Answer, Columns, Page, Stream
from .roles import own_of_kind
from .stores import Body, Query, Rows

CREATED, MODIFIED = "_created", "_modified"
"""Where rows have their times, in Unix seconds, if a listing is `timed`; no field of a client's begins like that."""
_COUNTS, _MOST_COUNTS, _COUNTED_FOR = "counts", 1000, 10


async def listing(ctx: Context, tenant: str, kind: str, *filters: Filter) -> Answer:
    """The listing that the request asks for: a page of a kind's documents, or all of them as a stream.

    As CSV, NDJSON or whatever else has a renderer, it is all of them unless the client asks for a page. A page by its
    number comes with the number of rows that there are in all.
    """
    wanted = ctx.listing()
    page, paging = wanted.page, ctx.app.settings.paging
    query = _query(ctx, wanted, tenant, kind, filters)
    endpoint = ctx.bound.endpoint if ctx.bound is not None else None
    columns = None
    whole = not page.paginate and page.number is None
    if ctx.media_type != JSON and ctx.media_type in ctx.app.renderers and endpoint is not None:
        if kind == getattr(endpoint, "kind", endpoint.name):
            columns = columns_of(endpoint, ctx.app.schemas, wanted)
        if "render" not in endpoint.overrides:
            whole = whole or not page.asked
            query = replace(query, lines=whole)
    if whole:
        rows = page.chunk or (paging.chunk_size if page.chunked is True else paging.stream_rows)
        return Stream(_pieces(ctx, replace(query, limit=rows, walk=True), wanted), columns=columns, keyed=True)
    if page.number is not None:
        return await _numbered(ctx, replace(query, skip=_skip(page, paging.deepest)), wanted, columns)
    chunked = page.chunked if page.chunked is not None else endpoint is not None and endpoint.chunked
    # PERF: what fits into one piece is as well sent whole, and its length told.
    if chunked and ctx.media_type == JSON and not page.backward:
        rows = page.chunk or paging.chunk_size
        if rows < page.size:
            return Stream(_pieces(ctx, replace(query, limit=rows), wanted, page.size), keyed=True, paged=True)
    found = await _found(ctx, query, wanted)
    previous = await start_of_previous(ctx, query, found) if page.backward else None
    return Page(_projected(found, wanted), columns, previous=previous)


async def start_of_previous(ctx: Context, query: Query, rows: Rows) -> str | None:
    """The key at which the page before the rows of a query begins, if it is to be as long as the query's limit.

    Empty for the beginning of the listing, so that the first page is never cut short; None if no row is before these.
    """
    if query.start is None:
        return None
    # NOTE: behind the last row of a listing there is an empty page, and rows that nobody saw may be before it.
    here = int(rows.first is not None)
    back = replace(query, descending=not query.descending, start=rows.first or query.start, limit=1)
    if found := await ctx.app.store.find(replace(back, skip=query.limit - 1 + here)):
        return found[0].key
    return "" if await ctx.app.store.find(replace(back, skip=here)) else None


def every(ctx: Context, tenant: str, kind: str, *filters: Filter) -> AsyncIterator[Rows]:
    """All documents that the request's filters and times leave, in pieces, whatever page it asks for."""
    query = _query(ctx, ctx.listing(), tenant, kind, filters)
    return _pieces(ctx, replace(query, limit=ctx.app.settings.paging.stream_rows, walk=True))


def _skip(page: PageRequest, deepest: int) -> int:
    """How many rows are before a page that is asked for by its number; BadRequest if there is no such page."""
    number = page.number or 0
    if number < 1:
        raise BadRequest("pages are counted from 1", word="bad_page")
    skip = (number - 1) * page.size
    if skip > deepest:
        # NOTE: the number is not repeated; it may have more digits than JSON can write.
        told = f"more than {deepest} rows are before this page, which is as far as pages can be asked for by number: "
        told += "follow the key of the next page instead, or narrow the listing"
        raise BadRequest(told, word="bad_page")
    return skip


async def _numbered(ctx: Context, query: Query, wanted: Listing, columns: Columns | None) -> Page:
    """The page that begins where the query says, and how many rows the listing has."""
    found = await _found(ctx, query, wanted)
    # PERF: what ends the listing tells its length; only where there is more, or nothing, it has to be counted.
    if found.next is None and (found.count or not query.skip):
        total = query.skip + found.count
    else:
        total = await _counted(ctx, query)
    return Page(_projected(found, wanted), columns, total)


async def _counted(ctx: Context, query: Query) -> int:
    """How many documents the listing of a query has.

    PERF: whoever walks from page to page has it counted once, as long as nobody writes such documents meanwhile.
    """
    store = ctx.app.store
    version = store.version(query.kind)
    if version is None or store.lag:
        return await store.count(query)
    known: dict[Query, tuple[int, int, int]] = ctx.registry.worked_out.setdefault(_COUNTS, {})
    listing = replace(query, start=None, skip=0, limit=0, full=False)
    counted, at, total = known.get(listing, (None, 0, 0))
    # NOTE: documents that expire change no version.
    if counted == version and ctx.now - at < _COUNTED_FOR:
        return total
    total = await store.count(query)
    if len(known) >= _MOST_COUNTS:
        known.clear()
    known[listing] = version, ctx.now, total
    return total


async def _found(ctx: Context, query: Query, wanted: Listing) -> Rows:
    """The rows of a query; with their times among their fields, where a dialect shows these."""
    if not wanted.timed:
        return await ctx.app.store.page(query)
    documents = await ctx.app.store.find(replace(query, limit=query.limit + 1))
    rows = [{**each.data(), CREATED: each.created, MODIFIED: each.modified} for each in documents[: query.limit]]
    following = documents[query.limit].key if len(documents) > query.limit else None
    return Page.of(rows, following, documents[0].key if documents else None).rows


def _query(ctx: Context, wanted: Listing, tenant: str, kind: str, filters: tuple[Filter, ...]) -> Query:
    """The request's listing words as a query, its start_key opened."""
    page = wanted.page
    return Query(
        tenant,
        kind,
        (*own_of_kind(ctx, kind), *filters, *wanted.filters),
        page.descending,
        ctx.start() if page.number is None else None,
        page.size,
        wanted.full or bool(wanted.fields),
        wanted.created_from,
        wanted.created_to,
        wanted.modified_from,
        wanted.modified_to,
    )


async def _pieces(
    ctx: Context, query: Query, wanted: Listing | None = None, most: int | None = None
) -> AsyncIterator[Rows]:
    """The documents of a query, `limit` of them at a time, each piece read when the one before it was used."""
    left = most
    while True:
        rows = await ctx.app.store.page(query)
        yield rows if wanted is None else _projected(rows, wanted)
        if left is not None:
            left -= rows.count
        if rows.next is None or left == 0:
            return
        query = replace(query, start=rows.next, limit=query.limit if left is None else min(query.limit, left))
        # NOTE: a store may have few rows at hand without waiting, and who sums them up does not wait either.
        await asyncio.sleep(0)


def _projected(rows: Rows, wanted: Listing) -> Rows:
    """The rows cut down to the fields asked for, and their id."""
    if not wanted.fields or not rows.count:
        return rows
    paths = [tuple(field.split(".")) for field in dict.fromkeys(("id", *wanted.fields))]
    projected = []
    for row in rows.parsed():
        kept: Body = {}
        for path in paths:
            value = field_at(row, path)
            if value is not None:
                put_at(kept, path, value)
        projected.append(kept)
    return replace(rows, joined=orjson.dumps(projected)[1:-1], lines=False)
