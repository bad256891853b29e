"""Pages: how many rows, from where, in which order; and the sealed start_key that leads to the next ones.

A start_key is the listing key of the first row wanted, with an expiry, under an HMAC-SHA-256 that also covers
what the key is good for (tenant, route, filters, order). It is therefore opaque to clients, cannot be made up or
changed, and is refused by any other listing. There is exactly one accepted spelling of each key.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from msgspec import Struct

from .errors import BadRequest
from .filters import Filter

_FORMAT = 1
_SEAL = 16
_LONGEST = 512


class PageRequest(Struct, frozen=True):
    """Which part of a listing is asked for, and how it is to be sent.

    `start` is a sealed key as the client sent it, None for the beginning. `asked` says that the client has spoken of
    pages at all. `chunked` is whether to send it in pieces, None for the endpoint's habit, and `chunk` the rows of one.

    With a `number` it is that page of the listing, counted from 1, and never a stream of pieces; `start` has no meaning
    beside it. With `backward` a page by its key also tells where the page before it begins.
    """

    size: int
    start: str | None = None
    descending: bool = True
    paginate: bool = True
    asked: bool = False
    chunked: bool | None = None
    chunk: int | None = None
    number: int | None = None
    backward: bool = False


class Listing(Struct, frozen=True):
    """All that a request says about a listing, in neutral terms; times are Unix seconds, both ends included.

    A `timed` one has the times of each document in its row.
    """

    page: PageRequest
    filters: tuple[Filter, ...] = ()
    created_from: int | None = None
    created_to: int | None = None
    modified_from: int | None = None
    modified_to: int | None = None
    fields: tuple[str, ...] = ()
    full: bool = False
    timed: bool = False

    def binding(self, tenant: str, route: str) -> bytes:
        """What a start_key of this listing is bound to; the page size may change on the way."""
        facts = (
            tenant,
            route,
            self.page.descending,
            self.created_from,
            self.created_to,
            self.modified_from,
            self.modified_to,
            [(filter.operator, filter.path, filter.value) for filter in self.filters],
        )
        return repr(facts).encode()


class StartKeys:
    """Seals listing keys for clients and opens what they send back."""

    def __init__(self, secret: bytes, life: int = 86_400) -> None:
        self._secret = secret
        self._life = life

    def seal(self, key: str, binding: bytes, now: float) -> str:
        """The start_key for a listing key: URL-safe base64 without padding, good for `life` seconds."""
        payload = b"%c%s%s" % (_FORMAT, (int(now) + self._life).to_bytes(5, "big"), key.encode())
        return urlsafe_b64encode(self._digest(payload, binding) + payload).rstrip(b"=").decode()

    def open(self, text: str, binding: bytes, now: float) -> str:
        """The listing key inside a start_key; BadRequest if it is foreign, changed, misspelt or expired."""
        if len(text) <= _LONGEST and text.isascii():
            try:
                raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            except ValueError:
                raw = b""
            seal, payload = raw[:_SEAL], raw[_SEAL:]
            # NOTE: base64 has several spellings of the same bytes; only the one that we write is accepted.
            spelt = urlsafe_b64encode(raw).rstrip(b"=").decode() == text
            if spelt and len(payload) > 6 and hmac.compare_digest(seal, self._digest(payload, binding)):
                if payload[0] == _FORMAT and int.from_bytes(payload[1:6], "big") >= now:
                    return payload[6:].decode()
                raise BadRequest("start_key has expired: begin again without it", word="invalid_start_key")
        raise BadRequest(
            "start_key does not belong to this listing: send the next_start_key of its last page unchanged",
            word="invalid_start_key",
        )

    def _digest(self, payload: bytes, binding: bytes) -> bytes:
        return hmac.digest(self._secret, b"%d:%s%s" % (len(payload), payload, binding), "sha256")[:_SEAL]
