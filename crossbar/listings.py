"""Listings: what a request says about one, as a page, or as a stream of all that there is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
from msgspec.structs import replace

from .context import Context
from .filters import Filter, field_at, put_at
from .pagination import Listing
from .reply import Answer, Page, Stream
from .roles import own_of_kind
from .stores import Body, Query, Rows


async def listing(ctx: Context, tenant: str, kind: str, *filters: Filter) -> Answer:
    """The listing that the request asks for: a page of a kind's documents, or all of them as a stream."""
    wanted = ctx.listing()
    query = _query(ctx, wanted, tenant, kind, filters)
    if not wanted.page.paginate:
        return Stream(_pieces(ctx, query, wanted))
    return Page(_projected(await ctx.app.store.page(query), wanted))


def every(ctx: Context, tenant: str, kind: str, *filters: Filter) -> AsyncIterator[Rows]:
    """All documents that the request's filters and times leave, in pieces, whatever page it asks for."""
    return _pieces(ctx, _query(ctx, ctx.listing(), tenant, kind, filters))


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


async def _pieces(ctx: Context, query: Query, wanted: Listing | None = None) -> AsyncIterator[Rows]:
    """All documents of a query, some hundred at a time, each piece read when the one before it was used."""
    query = replace(query, limit=ctx.app.settings.paging.stream_rows)
    while True:
        rows = await ctx.app.store.page(query)
        yield rows if wanted is None else _projected(rows, wanted)
        if rows.next is None:
            return
        query = replace(query, start=rows.next)


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
    return replace(rows, joined=orjson.dumps(projected)[1:-1])
