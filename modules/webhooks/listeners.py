"""Who listens: the webhooks of accounts that events are matched with, remembered for as long as none has changed.

Every change of a webhook also changes the **stamp**, one small document, in the same write. So a write in an account
without webhooks costs one look at the stamp, whatever else is written meanwhile.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from crossbar import Body, Change, CrossbarError, Delete, Document, Insert, Kind, Query, Replace, Store

from .events import ALL, OBJECT, TYPES, Event

WEBHOOKS = "webhooks"
STAMPS = Kind("webhook_stamps")
_STAMP = ("", STAMPS.name, "stamp")
AT_ONCE = 1000
"""How many webhooks of an account are looked at: more than the API lets it have."""
_REMEMBERED = 10_000
_AGE = 60.0
"""After so many seconds all is read anew: an importer puts webhooks into the store without changing the stamp."""


class Listener(NamedTuple):
    """A webhook that is switched on, and which events it wants."""

    account_id: str
    webhook_id: str
    hook: str
    type: str
    action: str
    below: bool
    host: str

    @classmethod
    def read(cls, account_id: str, body: Body) -> Listener:
        """The listener that the document of a webhook describes."""
        custom: dict[str, Any] = body.get("custom_data") or {}
        return cls(
            account_id,
            body["id"],
            body.get("hook", ""),
            custom.get("type", ALL),
            custom.get("action", ALL),
            body.get("include_subaccounts") is True,
            _host(body.get("uri", "")),
        )

    def wants(self, event: Event) -> bool:
        """Whether it is told of an event; as with Kazoo, a webhook for all hooks is told of everything."""
        if self.hook == ALL:
            return True
        return (
            self.hook == OBJECT
            and self.type in (ALL, event.kind, TYPES.get(event.kind), *event.also)
            and self.action in (ALL, event.action)
        )


class Listeners:
    """The listeners of each account."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version: int | None = None
        self._stamp = b""
        self._read = 0.0
        self._known: dict[str, tuple[Listener, ...]] = {}

    async def of(self, event: Event, above: Sequence[str]) -> list[Listener]:
        """Those who want an event: of the account itself, and of those above it who listen to what is below."""
        await self._refresh()
        own = await self._in(event.account_id)
        higher = [listener for account in above for listener in await self._in(account) if listener.below]
        return [listener for listener in (*own, *higher) if listener.wants(event)]

    async def _in(self, account_id: str) -> tuple[Listener, ...]:
        """The listeners of one account."""
        known = self._known.get(account_id)
        if known is None:
            stamp = self._stamp
            # NOTE: a page may come from a member that is behind, and be remembered as what belongs to this stamp.
            found = await self._store.find(Query(account_id, WEBHOOKS, limit=AT_ONCE, full=True))
            switched_on = [body for each in found if (body := each.data()).get("enabled", True) is not False]
            known = tuple([Listener.read(account_id, body) for body in switched_on])
            # NOTE: what was asked for before somebody else saw a newer stamp may be old; it is not kept.
            if stamp == self._stamp:
                self._known[account_id] = known
        return known

    async def _refresh(self) -> None:
        """Forget everything if a webhook has changed."""
        # NOTE: a webhook counts for what is written after it, through whichever process; late versions do not do here.
        version = None if self._store.lag else self._store.version(STAMPS.name)
        now = time.monotonic()
        aged = now - self._read > _AGE
        if version is not None and version == self._version and not aged:
            return
        found = await self._store.get(*_STAMP)
        stamp = found.body if found is not None else b""
        if stamp != self._stamp or aged or len(self._known) > _REMEMBERED:
            self._known.clear()
            self._stamp, self._read = stamp, now
        self._version = version


def concern_webhooks(changes: Sequence[Change]) -> bool:
    """Whether any of the changes is one of a webhook."""
    return any(
        change.kind == WEBHOOKS
        if isinstance(change, Delete)
        else isinstance(change, Insert | Replace) and change.document.kind == WEBHOOKS
        for change in changes
    )


def restamped() -> list[Change]:
    """The changes that tell everybody that a webhook has changed; they conflict with nobody else's."""
    tenant, kind, id = _STAMP
    return [Delete(tenant, kind, id, purge=True), Insert(_stamp())]


async def ensure_stamp(store: Store) -> None:
    """See to it that there is a stamp to be changed."""
    if await store.get(*_STAMP) is None:
        # Another process may have been faster.
        with suppress(CrossbarError):
            await store.write([Insert(_stamp())])


def _host(uri: str) -> str:
    """The host that a URI names, by which deliveries take turns; the guard has its own, stricter reading."""
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""


def _stamp() -> Document:
    tenant, kind, id = _STAMP
    return Document.of(tenant, kind, id, {"value": secrets.token_hex(16)}, 0)
