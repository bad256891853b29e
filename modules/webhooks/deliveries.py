"""Deliveries: what is still to be sent. They stand in the store in the order in which they are due.

A delivery is written together with the change that it tells of, so there is no moment in which a crash could lose it;
it is taken out when its receiver has it, or when it is given up. The store lists documents by their creation time, and
that is here the time at which a delivery is due: whoever looks for work reads what stands first. To claim a delivery
is to move it to the end of a lease. Only one can do so, since a move is made from one revision; and if the one who did
dies, the delivery is due again when the lease has ended.

They are in the tenant of nobody, so that one look finds those of all accounts; no endpoint shows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from crossbar import Body, Delete, Document, Filter, Insert, Kind, Query, new_id, where

DELIVERIES = Kind("webhook_deliveries", indexes=("host",))
_NOBODY = ""
_DAY = 86_400


class Delivery(NamedTuple):
    """One event on its way to one webhook: where it stands, whose it is, how often it was tried, and what it tells."""

    document: Document
    account_id: str
    webhook_id: str
    host: str
    made: int
    facts: Body

    @classmethod
    def read(cls, document: Document) -> Delivery:
        """The delivery that a document is."""
        data = document.data()
        return cls(document, data["account_id"], data["webhook_id"], data["host"], data["made"], data["facts"])

    @property
    def id(self) -> str:
        """What the receiver tells deliveries apart by; it is the same at every attempt."""
        return self.document.id

    def removed(self) -> Delete:
        """The change that takes it out; it fails if somebody else has claimed it meanwhile."""
        document = self.document
        return Delete(document.tenant, document.kind, document.id, document.revision, purge=True)

    def moved(self, due: int, made: int | None = None) -> tuple[Delete, Insert]:
        """The changes that make it due at another time, perhaps with another number of attempts."""
        document = self.document
        if made is not None:
            document = document.with_data(document.data() | {"made": made})
        # NOTE: the revision goes on, so that a claim which is older than this cannot succeed any more.
        following = Document(
            document.tenant,
            document.kind,
            document.id,
            document.body,
            created=due,
            modified=due,
            revision=document.revision + 1,
            expires=document.expires,
        )
        return self.removed(), Insert(following)


def expiry(now: int, days: int) -> int:
    """When something ends that is kept for some days."""
    return now + days * _DAY


def outgoing(account_id: str, webhook_id: str, host: str, facts: Body, now: int, expires: int) -> Insert:
    """The change that puts a new delivery, due at once, into the store."""
    body = {"account_id": account_id, "webhook_id": webhook_id, "host": host, "made": 0, "facts": facts}
    made = Document.of(_NOBODY, DELIVERIES.name, new_id(), body, now)
    return Insert(Document(made.tenant, made.kind, made.id, made.body, now, now, expires=expires))


def due_to(host: str, now: int, limit: int) -> Query:
    """The first deliveries to a host that are due."""
    return _due((where("host", host),), now, limit)


def due_elsewhere(known: Iterable[str], now: int, limit: int) -> Query:
    """The first deliveries that are due to other hosts than these."""
    hosts = tuple(known)
    return _due((Filter("none", ("host",), hosts),) if hosts else (), now, limit)


def _due(filters: tuple[Filter, ...], now: int, limit: int) -> Query:
    return Query(_NOBODY, DELIVERIES.name, filters, descending=False, limit=limit, full=True, created_to=now)
