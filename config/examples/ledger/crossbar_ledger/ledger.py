"""The endpoint: the ledger of an account."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Annotated

from msgspec import Meta

from crossbar import (
    Answer,
    BadIdentifier,
    BadRequest,
    Body,
    Conflict,
    Context,
    Crossbar,
    Endpoint,
    InvalidData,
    Json,
    Noun,
    Options,
    Page,
    Reply,
    Rows,
    Stream,
    Unavailable,
    action,
    created,
)

from . import entries
from .database import Database
from .entries import Entry, Selection

_LONGEST_NUMBER = 18
_COMPARED = {"equals": "=", "differs": "<>"}


class LedgerOptions(Options, frozen=True):
    """What `[plugins.ledger]` in the configuration may say."""

    file: str = "ledger.db"
    """The SQLite file; it is made if it is not there."""
    patience: Annotated[int, Meta(ge=0, le=20)] = 2
    """For how many seconds a request waits while another process holds the file."""


class Ledger(Endpoint):
    """Entries of an account, numbered without gaps. They are never changed; what was wrong is reversed."""

    name = "ledger"
    schema = "ledger"
    provides = ("application/json", "text/csv")
    options = LedgerOptions()

    _database: Database

    @asynccontextmanager
    async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
        """Open the database, and bring its tables up to date.

        If it is away, the server comes up all the same: requests for the ledger try again, and get a 503 until then.
        """
        self._database = Database(self.options.file, self.options.patience)
        try:
            with suppress(Unavailable):  # the log has the reason
                await self._database.read(lambda connection: None)
            yield
        finally:
            await self._database.close()

    async def validate(self, ctx: Context) -> None:
        """Hold the body against the schema."""
        _check(ctx, self.schema)

    async def find(self, ctx: Context) -> Answer:
        """A page of entries, the newest first; with `paginate=false` all of them, piece by piece."""
        wanted = ctx.listing()
        if not wanted.page.paginate:
            return Stream(self._pieces(ctx))
        rows, following = await self._page(ctx, ctx.start(), wanted.page.size)
        return Page.of(rows, next=following, first=rows[0]["id"] if rows else None)

    async def create(self, ctx: Context) -> Reply:
        """Book the body."""
        booked = await self._book(ctx, {"reference": ctx.body})
        return self._created(ctx, booked[0])

    async def read(self, ctx: Context, id: str) -> Json:
        """One entry."""
        tenant, number = ctx.home(), _number(id)
        entry = await self._database.read(lambda connection: entries.one(connection, tenant, number))
        if entry is None:
            raise BadIdentifier(cause=id)
        return entry

    @action("POST batch")
    async def batch(self, ctx: Context) -> Reply:
        """Book several entries, all or none."""
        _check(ctx, "ledger_batch")
        return created(
            await self._book(ctx, {f"entries.{n}.reference": each for n, each in enumerate(ctx.body["entries"])})
        )

    @action("POST {id}/reverse")
    async def reverse(self, ctx: Context, id: str) -> Reply:
        """Book the opposite of an entry, which can be done once."""
        tenant, number, now = ctx.home(), _number(id), ctx.now

        def work(connection: sqlite3.Connection) -> Entry:
            entry = entries.one(connection, tenant, number)
            if entry is None:
                raise BadIdentifier(cause=id)
            opposite = {
                "amount": -entry["amount"],
                "currency": entry["currency"],
                "text": f"reversal of {id}",
                "reverses": number,
            }
            return entries.add(connection, tenant, now, opposite)

        try:
            return self._created(ctx, await self._database.write(work))
        except sqlite3.IntegrityError:
            raise Conflict(f"entry {id} was reversed before", word="already_reversed") from None

    @action("GET balance")
    async def balance(self, ctx: Context) -> Json:
        """What came in, what went out and what is left, in each currency; of all that filters and times leave."""
        chosen = _selection(ctx)
        return await self._database.read(lambda connection: entries.sums(connection, chosen))

    @action("GET export")
    async def export(self, ctx: Context) -> Stream:
        """All that filters and times leave, however much it is, in JSON or CSV."""
        return Stream(self._pieces(ctx))

    async def _pieces(self, ctx: Context) -> AsyncIterator[Rows]:
        """The whole listing, some hundred entries at a time; each piece is read when the one before it was sent."""
        following = ctx.start()
        while True:
            rows, following = await self._page(ctx, following, ctx.app.settings.paging.stream_rows)
            yield Page.of(rows).rows
            if following is None:
                return

    async def _page(self, ctx: Context, start: str | None, size: int) -> tuple[list[Entry], str | None]:
        """The rows of a page, cut down to the fields that are wanted, and the key of the page after it."""
        wanted, chosen = ctx.listing(), _selection(ctx)
        first, descending = None if start is None else int(start), wanted.page.descending
        rows, following = await self._database.read(
            lambda connection: entries.page(connection, chosen, first, size, descending=descending)
        )
        if wanted.fields:
            rows = [{field: row[field] for field in ("id", *wanted.fields) if field in row} for row in rows]
        return rows, None if following is None else str(following)

    async def _book(self, ctx: Context, wanted: Mapping[str, Body]) -> list[Entry]:
        """Book entries in one transaction; each stands under the name that its reference has in the request."""
        tenant, now = ctx.home(), ctx.now

        def work(connection: sqlite3.Connection) -> list[Entry]:
            booked = []
            for field, entry in wanted.items():
                try:
                    booked.append(entries.add(connection, tenant, now, entry))
                except sqlite3.IntegrityError:
                    told, taken = "another entry has this reference", entry["reference"]
                    raise InvalidData(field, "unique", told, cause=taken, value=taken) from None
            return booked

        return await self._database.write(work)

    def _created(self, ctx: Context, entry: Entry) -> Reply:
        """201 with the entry, and where it is."""
        return created(entry, Noun("accounts", (ctx.home(),)), Noun(self.name, (entry["id"],)))


def _check(ctx: Context, schema: str) -> None:
    """Raise InvalidData with everything in the body that breaks the schema."""
    violations = ctx.app.schemas.compiled(schema).check(ctx.body)
    if violations:
        raise InvalidData(violations)


def _selection(ctx: Context) -> Selection:
    """The entries that the request's filters and times leave, which mean here what they mean for every listing."""
    wanted = ctx.listing()
    chosen = entries.of_tenant(ctx.home())
    # An entry is never modified after it was booked.
    for limit in (wanted.created_from, wanted.modified_from):
        chosen = chosen if limit is None else chosen.narrowed("booked >= ?", limit)
    for limit in (wanted.created_to, wanted.modified_to):
        chosen = chosen if limit is None else chosen.narrowed("booked <= ?", limit)
    for filter in wanted.filters:
        field = ".".join(filter.path)
        if field not in entries.FILTERED or filter.operator not in _COMPARED:
            offered = ", ".join(entries.FILTERED)
            raise BadRequest(f"the ledger knows filter_K and filter_not_K, with one of {offered} for K", cause=field)
        # Query words compare as text, and what is missing is empty text.
        column = f"coalesce(CAST({entries.COLUMNS[field]} AS TEXT), '')"
        chosen = chosen.narrowed(f"{column} {_COMPARED[filter.operator]} ?", filter.value)
    return chosen


def _number(id: str) -> int:
    """The number that an id in the path stands for; each has one spelling."""
    if not (id.isascii() and id.isdigit() and id[0] != "0" and len(id) <= _LONGEST_NUMBER):
        raise BadIdentifier(cause=id)
    return int(id)
