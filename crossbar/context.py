"""Context: one request on its walk, and what each stage learned for the stages after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote_plus

from .errors import BadRequest, NotFound
from .root_path import UNRESERVED, below_mount
from .target import Noun, Target

if TYPE_CHECKING:
    from .app import Crossbar
    from .auth import Principal
    from .dialects import Dialect
    from .dispatch import Bound
    from .endpoint import Endpoint
    from .gateway.matched import Matched
    from .idempotency import Once
    from .limits.buckets import Charge
    from .media.incoming import File
    from .mounted import Handover, Outlet
    from .pagination import Listing
    from .registry import Registry
    from .reply import Answer, Reply
    from .stores import BlobWriter, Body, Document

Headers = list[tuple[bytes, bytes]]


class Part(NamedTuple):
    """One of several things that a request asks for: its target, and the body that belongs to it.

    A body that is of another type than that of the request says so.
    """

    target: Target
    raw_body: bytes
    media_type: str = ""


class Answered(Exception):
    """The response is in the context already; the stages that would come are not needed."""


class Context:
    """One request on its walk.

    A module reads `principal`, `tenant`, `verb`, `query`, `headers`, `target`, `args`, `body`, `files`, `found`
    and `parents`, calls `listing()` for paging and filters, and reaches store, settings and registry through `app`.
    The other attributes belong to the pipeline and the dialect.
    """

    __slots__ = (
        "__weakref__",
        "accept",
        "app",
        "args",
        "blamed",
        "body",
        "bound",
        "charge",
        "client",
        "detail",
        "dialect",
        "due_from",
        "envelope",
        "files",
        "found",
        "handover",
        "headers",
        "late",
        "listing_asked",
        "matched",
        "media_type",
        "method",
        "once",
        "parents",
        "parts",
        "payload",
        "pending",
        "principal",
        "query",
        "query_string",
        "raw_body",
        "raw_path",
        "reason",
        "receive",
        "registry",
        "reply",
        "request_id",
        "resolved",
        "response_headers",
        "root_path",
        "scope",
        "send",
        "several",
        "stage",
        "started",
        "started_at",
        "status",
        "target",
        "tenant",
        "token",
        "unread",
        "verb",
        "words",
    )

    def __init__(self, app: Crossbar, scope: MutableMapping[str, Any], started_at: float) -> None:
        self.app = app
        self.scope = scope
        self.started_at = started_at
        self.started = 0.0
        self.stage = "arrive"
        # NOTE: modules may come and go; a request sees those that were there when it came, to its end.
        self.registry: Registry = app.registry
        # Who runs just now, where that is not the endpoint itself, since when, and whether that was too long.
        self.blamed: object | None = None
        self.due_from: float
        self.late = False
        # What the transport says. A WebSocket begins as a GET.
        self.method: str = scope.get("method", "GET")
        # A server need not send the raw path; what it decoded is then encoded again, so that it is decoded once.
        self.raw_path: bytes = scope.get("raw_path") or quote(scope["path"], safe=UNRESERVED).encode()
        self.query_string: bytes = scope.get("query_string", b"")
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.root_path: str = scope.get("root_path", "")
        self.client: str = ""
        self.request_id = ""
        self.receive: Callable[[], Awaitable[Any]]
        self.send: Callable[[Any], Awaitable[None]]
        # What the dialect reads out of it.
        self.dialect: Dialect
        self.verb = self.method
        self.query: dict[str, str] = {}
        # The same words of the query in their order, also those that stand there several times.
        self.words: list[tuple[str, str]] = []
        self.raw_body = b""
        self.envelope: Body = {}
        self.body: Body = {}
        # What the request asks for beside its target, where it names several things at once; see `bulk`.
        self.several: tuple[Part, ...] = ()
        # The requests for each of them, once they are answered.
        self.parts: list[Context] = []
        # The record of a create that is to happen once, for a request with an Idempotency-Key.
        self.once: Once | None = None
        # Whether the body is an upload, which stays on the wire until it is known to be wanted; then its files, and
        # what of them is not part of a document yet.
        self.unread = False
        self.files: list[File] = []
        self.pending: list[BlobWriter] = []
        self.accept: str | None = None
        self.token: str | None = None
        self.listing_asked: Listing | None = None
        # What the path names, and who asks for it.
        self.target = _NOWHERE
        self.resolved: tuple[tuple[Endpoint, tuple[str, ...]], ...] = ()
        self.bound: Bound | None = None
        self.args: tuple[str, ...] = ()
        self.principal: Principal | None = None
        self.tenant: str | None = None
        self.found: Document | None = None
        self.parents: dict[str, Document] = {}
        # What becomes of it.
        self.media_type = "application/json"
        self.reply: Reply | Answer = None
        self.status = 0
        self.reason = ""
        self.detail = ""
        self.response_headers: Headers = []
        self.payload: bytes | AsyncIterator[bytes] = b""
        self.handover: Handover | Outlet | None = None
        # What the gateway knows of it, if a route of its matches.
        self.matched: Matched | None = None
        # What it took from which token bucket, once that has been settled.
        self.charge: Charge | None = None

    def descend(self) -> None:
        """Take the place where the application is mounted off the path, if the host has left it there.

        `root_path` is percent-encoded from here on, ready for `Location` and links.
        """
        outer: str = self.scope.get("app_root_path", "")
        self.raw_path, root_path = below_mount(self.scope["path"], self.raw_path, self.root_path.rstrip("/"), outer)
        self.root_path = quote(root_path, safe=UNRESERVED)

    def header(self, name: bytes) -> str | None:
        """The value of a header field (lower-case name), None if the request has none."""
        value = self.headers.get(name)
        return value.decode("latin-1").strip() if value is not None else None

    def agent(self) -> str:
        """What the client calls itself; pages in browsers can only say it in `X-User-Agent`."""
        headers = self.headers
        return (headers.get(b"x-user-agent") or headers.get(b"user-agent") or b"").decode("latin-1")

    def word(self, name: str) -> Any:
        """A control word from the query, else from the envelope (never from inside its data), None if absent."""
        value = self.query.get(name)
        return value if value is not None else self.envelope.get(name)

    def flag(self, name: str) -> bool | None:
        """A control word that is `true` or `false`; None if it is absent or anything else."""
        value = self.word(name)
        if isinstance(value, str):
            return {"true": True, "false": False}.get(value.lower())
        return value if isinstance(value, bool) else None

    def listing(self) -> Listing:
        """What the request says about a listing: page, order, filters, times, fields. BadRequest if it is malformed."""
        if self.listing_asked is None:
            self.listing_asked = self.dialect.listing(self)
        return self.listing_asked

    def start(self) -> str | None:
        """The plain key at which the listing that is asked for begins, None for its beginning.

        BadRequest if the client's `start_key` is expired, changed, or of another listing, or if a later page is asked
        for by its number, since who asks for the key has no pages by number.
        """
        listing = self.listing()
        if listing.page.number is not None and listing.page.number != 1:
            raise BadRequest("this listing has no pages by number: follow the key of the next page", word="bad_page")
        if listing.page.start is None:
            return None
        return self.app.start_keys.open(listing.page.start, self.binding(listing), self.started_at)

    def document(self) -> Document:
        """The document that the path leads to, as `resolve` found it."""
        if self.found is None:
            raise NotFound
        return self.found

    def caller(self) -> Principal:
        """Who is asking; only to be called where authentication has taken place."""
        assert self.principal is not None, "caller() needs a stage after authenticate"
        return self.principal

    def nouns(self) -> tuple[Noun, ...]:
        """The nouns of the path, each alias replaced by what it stands for; empty before they are resolved."""
        return tuple(Noun(endpoint.name, args) for endpoint, args in self.resolved)

    def home(self) -> str:
        """The tenant that the path leads into; only to be called where the tenant rule has passed."""
        if self.tenant is None:
            raise NotFound
        return self.tenant

    def binding(self, listing: Listing) -> bytes:
        """What a start_key of this listing is bound to: tenant, nouns, filters and order."""
        route = "/".join([part for endpoint, args in self.resolved for part in (endpoint.name, *args)])
        return listing.binding(self.tenant or "", route)

    @property
    def creates(self) -> bool:
        """Whether the verb is the one with which the dialect creates; known before what answers is."""
        return bool(self.verb == self.dialect.verbs["create"])

    @property
    def now(self) -> int:
        """The present Unix second, by the application's clock."""
        return int(self.app.clock())

    def path(self) -> str:
        """The path of the request as the client wrote it, below the place where the application is mounted."""
        return self.raw_path.decode("latin-1")


_NOWHERE = Target(None, ())


def parse_query(raw: bytes, *, most: int, longest: int) -> list[tuple[str, str]]:
    """The words of a query string in their order, decoded (`+` is a blank); BadRequest if it is over a limit."""
    parts = raw.split(b"&")
    if len(parts) > most:
        raise BadRequest(f"the query has more than {most} words", word="bad_query")
    words = []
    for part in parts:
        if not part:
            continue
        if len(part) > longest:
            raise BadRequest(f"a word of the query is longer than {longest} bytes", word="bad_query")
        try:
            name, _, value = part.decode("ascii").partition("=")
            words.append((unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")))
        except UnicodeDecodeError:
            raise BadRequest("the query is not percent-encoded UTF-8", word="bad_query") from None
    return words
