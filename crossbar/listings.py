"""Listings: what a request says about one, as a page, or as a stream of all that there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson
from msgspec.structs import replace

from .columns import columns_of
from .context import Context
from .filters import Filter, field_at, put_at
from .negotiation import JSON
from .pagination import Listing
from .reply import Answer, Page, Stream
from .roles import own_of_kind
from .stores import Body, Query, Rows


async def listing(ctx: Context, tenant: str, kind: str, *filters: Filter) -> Answer:
    """The listing that the request asks for: a page of a kind's documents, or all of them as a stream.

    As CSV, NDJSON or whatever else has a renderer, it is all of them unless the client asks for a page.
    """
    wanted = ctx.listing()
    page, paging = wanted.page, ctx.app.settings.paging
    query = _query(ctx, wanted, tenant, kind, filters)
    endpoint = ctx.bound.endpoint if ctx.bound is not None else None
    columns = None
    whole = not page.paginate
    if ctx.media_type != JSON and ctx.media_type in ctx.app.renderers and endpoint is not None:
        if kind == endpoint.name:
            columns = columns_of(endpoint, ctx.app.schemas, wanted)
        if "render" not in endpoint.overrides:
            whole = whole or not page.asked
            query = replace(query, lines=whole)
    if whole:
        rows = page.chunk or (paging.chunk_size if page.chunked is True else paging.stream_rows)
        return Stream(_pieces(ctx, replace(query, limit=rows, walk=True), wanted), columns=columns, keyed=True)
    chunked = page.chunked if page.chunked is not None else endpoint is not None and endpoint.chunked
    # PERF: what fits into one piece is as well sent whole, and its length told.
    if chunked and ctx.media_type == JSON:
        rows = page.chunk or paging.chunk_size
        if rows < page.size:
            return Stream(_pieces(ctx, replace(query, limit=rows), wanted, page.size), keyed=True, paged=True)
    return Page(_projected(await ctx.app.store.page(query), wanted), columns)


def every(ctx: Context, tenant: str, kind: str, *filters: Filter) -> AsyncIterator[Rows]:
    """All documents that the request's filters and times leave, in pieces, whatever page it asks for."""
    query = _query(ctx, ctx.listing(), tenant, kind, filters)
    return _pieces(ctx, replace(query, limit=ctx.app.settings.paging.stream_rows, walk=True))


def _query(ctx: Context, wanted: Listing, tenant: str, kind: str, filters: tuple[Filter, ...]) -> Query:
    """The request's listing words as a query, its start_key opened."""
    page = wanted.page
    return Query(
        tenant,
        kind,
        (*own_of_kind(ctx, kind), *filters, *wanted.filters),
        page.descending,
        ctx.start(),
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
