"""RingCentral's dialect: bare objects, `records` with `paging` and `navigation`, tilde aliases, error codes.

The facts are those of the reference on RingCentral's conventions; where it leaves something open, the docs page
`ringcentral.md` says what is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from ...context import Context
from ...dates import from_iso, iso_millis
from ...errors import BadIdentifier, BadRequest, Forbidden, Refusal, Unauthorized
from ...fields import Fields as HeaderFields
from ...filters import Filter
from ...listings import CREATED, MODIFIED
from ...negotiation import FORM, essence
from ...pagination import Listing
from ...reply import Page
from ...root_path import UNRESERVED
from ...settings import RingCentral
from ...stores import Document
from ...target import Noun, Target
from ..answering import TOKENS
from ..fields import camel
from ..plain import Plain
from ..rules import Times
from ..words import Words, words_of
from . import lists, shapes
from .bulk import acceptable, ids_in, together, wanted
from .errors import error_of
from .groups import PREFIX, header_fields
from .tunnel import METHOD, tunnelled
from .uris import uri_of
from .versions import NOUN as VERSIONS
from .versions import ApiVersions

if TYPE_CHECKING:
    from ...endpoint import Endpoint
    from ...registry import Registry
    from ...reply import Reply
    from ...routes import Route

TILDE = "~"
ACCOUNTS, EXTENSIONS, OAUTH = "accounts", "extensions", "oauth"
_IDS = {"messages": "messageId", "cdrs": "callRecordId"}
"""What ids are called that are not called by the word for the noun."""
_OWN = frozenset({"webhooks"})
"""Nouns of which a path without an account means the caller's own, though there is something outside of accounts."""
_STANDARD = frozenset({("token",), ("revoke",), ("authorize",)})
_MERGING = {"find": "GET", "create": "POST", "read": "GET", "patch": "PATCH", "replace": "PUT", "delete": "DELETE"}


class RingCentralDialect(Plain):
    """RingCentral's conventions: `/restapi/v1.0/account/~/extension/~/message-store`, camelCase, 204 for DELETE."""

    name: ClassVar[str] = "ringcentral"
    content_type: ClassVar[bytes] = b"application/json;charset=utf-8"
    page_word: ClassVar[str] = lists.PAGE
    size_words: ClassVar[tuple[str, ...]] = (lists.SIZE, lists.COUNT)
    key_word: ClassVar[str] = lists.TOKEN
    control: ClassVar[frozenset[str]] = frozenset({METHOD, *TOKENS, lists.FROM, lists.TO, lists.ORDER, "view"})
    unrepeated: ClassVar[frozenset[str]] = frozenset({METHOD, *TOKENS, lists.TOKEN})
    """Words of the query that no URI repeats."""
    times: Times = Times(iso_millis, from_iso)

    def __init__(self, options: RingCentral | None = None, words: Words | None = None) -> None:
        self.options = options or RingCentral()
        super().__init__(self.options.prefixes, words or words_of(self.name, self.options.words))
        self.verbs = _MERGING
        self.also = {"patch": ("PUT",)} if self.options.put == "merge" else {}
        self.statuses = {"create": self.options.created, "delete": 204}
        self.endpoints = (ApiVersions(self.prefixes),)

    def spell(self, word: str) -> str:
        """Words in a path are joined by hyphens."""
        return word.replace("_", "-")

    def case(self, name: str) -> str:
        """Names in JSON and in queries are in camel case."""
        return camel(name)

    def dropped(self, endpoint: Endpoint) -> tuple[str, ...]:
        """What a whole representation has that is not the client's to set."""
        return ("id", "uri", "creationTime", "lastModifiedTime", *shapes.dropped(endpoint.name))

    # The path.

    def target(self, raw_path: bytes, registry: Registry) -> Target:
        """The nouns below the prefix; a prefix alone asks for the versions of the API."""
        target = super().target(raw_path, registry)
        if not target.nouns and raw_path.rstrip(b"/").decode("latin-1") in self.prefixes:
            return Target(target.version, (Noun(VERSIONS, (target.version,) if target.version else ()),))
        return target

    def template(self, nouns: tuple[Noun, ...]) -> str:
        """The path below the newest prefix; what stands outside of versions is below the shortest."""
        shortest = min(self.prefixes, key=len)
        if nouns[0].name == VERSIONS:
            return "/".join([shortest, *nouns[0].args])
        found = super().template(nouns)
        return shortest + found.removeprefix(self.prefixes[0]) if nouns[0].name == OAUTH else found

    def parameter(self, noun: str, name: str) -> str:
        """Parameters are in camel case."""
        return camel(super().parameter(noun, name).replace("-", "_"))

    def localize(self, ctx: Context, nouns: tuple[Noun, ...]) -> tuple[Noun, ...]:
        """`~` as the caller's own account, and as the caller's own extension."""
        own = tuple([self._own(ctx, noun) if noun.args[:1] == (TILDE,) else noun for noun in nouns])
        principal = ctx.principal
        if own and own[0].name in _OWN and principal is not None and principal.account_id:
            own = (Noun(ACCOUNTS, (principal.account_id,)), *own)
        return super().localize(ctx, own)

    def _own(self, ctx: Context, noun: Noun) -> Noun:
        principal = ctx.principal
        if ctx.method == "OPTIONS":
            return noun  # who asks what there is does not say who they are
        if noun.name == ACCOUNTS:
            if principal is None or not principal.account_id:
                raise Forbidden("~ is the account of who is logged in, and you belong to none")
            return Noun(noun.name, (principal.account_id, *noun.args[1:]))
        if noun.name == EXTENSIONS:
            if principal is None or not principal.user_id:
                told = "~ is the extension of who is logged in: log in as a user who has one"
                raise Unauthorized(told, word="extension_required")
            return Noun(noun.name, (principal.user_id, *noun.args[1:]))
        return noun

    # The request.

    def read(self, ctx: Context) -> None:
        """The token, the method that a POST stands for, and the ids where there are several."""
        super().read(ctx)
        if ctx.token is None and "access_token" in ctx.query:
            self._take_query_token(ctx)
        ctx.verb = tunnelled(ctx)
        if ctx.query and ctx.verb == "POST" and self._is_oauth(ctx) and _is_form(ctx):
            raise BadRequest("parameters of a token request stand in the form alone", word="query_not_allowed")
        ctx.accept = acceptable(ctx.accept)
        if b"," in ctx.raw_path or b"*" in ctx.raw_path or b"%2" in ctx.raw_path:
            ctx.several = wanted(self, ctx)

    def ids_in(self, argument: str) -> Sequence[str]:
        """The ids between the commas of an argument."""
        return ids_in(argument)

    def named(self, ctx: Context, fields: dict[str, Any]) -> dict[str, Any]:
        """A body in neutral names; BadRequest if it is about another id than the path."""
        found = ctx.found
        if found is not None and ctx.verb in ("PUT", "PATCH"):
            id = fields.get("id")
            if id is not None and str(id) != found.id:
                raise BadRequest("the id in the body is another one than in the path", word="wrong_id", cause="id")
        take = super().named
        if ctx.bound is None:
            return take(ctx, fields)
        endpoint = ctx.bound.endpoint
        fields = shapes.taken(ctx, endpoint.name, fields, lambda path: self._nouns_of(ctx, path))
        if found is None or ctx.verb not in ("PUT", "PATCH"):
            return take(ctx, fields)
        return shapes.merged(ctx, endpoint.name, self.fields_of(ctx, endpoint), fields, take)

    def _nouns_of(self, ctx: Context, path: str) -> tuple[Noun, ...]:
        """The nouns that a path of this dialect spells, none for any other path."""
        raw_path = quote(path, safe=UNRESERVED).encode()
        return super().target(raw_path, ctx.registry).nouns if self.claims(raw_path) else ()

    def _take_query_token(self, ctx: Context) -> None:
        """Take the token out of the query, where settings allow that: for files alone (reference, A.11)."""
        name, args = ctx.target.nouns[-1] if ctx.target.nouns else Noun("", ())
        dispatch = ctx.registry.dispatch(self).get(name)
        place = dispatch.at(args) if dispatch is not None else None
        bound = place.verbs.get("GET") if place is not None else None
        is_file = bound is not None and (bound.route.slot is not None or bool(bound.route.provides))
        if self.options.query_token and is_file and ctx.method in ("GET", "HEAD"):
            ctx.token = ctx.query["access_token"]

    def is_token_request(self, ctx: Context) -> bool:
        """Whether it is one of those of OAuth 2.0 itself."""
        return self._is_oauth(ctx) and ctx.target.nouns[-1].args[:1] in _STANDARD

    def _is_oauth(self, ctx: Context) -> bool:
        return bool(ctx.target.nouns) and ctx.target.nouns[-1].name == OAUTH

    def listing(self, ctx: Context) -> Listing:
        """The page by number or token, the times and the filters."""
        return lists.listing(self, ctx)

    def group(self, endpoint: Endpoint, route: Route) -> str:
        """The usage group of the noun; buckets have its name after that of the dialect."""
        if endpoint.name == VERSIONS:
            return PREFIX + endpoint.limit_group
        return PREFIX + super().group(endpoint, route).removeprefix(PREFIX)

    # The answer.

    def fields(self, ctx: Context) -> HeaderFields:
        """`RCRequestId` beside `X-Request-ID`, and what is left in the usage group."""
        return header_fields(ctx)

    def document(self, ctx: Context, body: dict[str, Any], document: Document) -> Any:
        """One document with its canonical URI and its times."""
        uri = uri_of(ctx, self._path_of(ctx, document.id))
        shown = {"uri": uri, **self._with_files(ctx, body, uri)}
        shown.setdefault("creationTime", iso_millis(document.created))
        shown.setdefault("lastModifiedTime", iso_millis(document.modified))
        return shown

    def rows(self, ctx: Context, bodies: list[dict[str, Any]]) -> list[Any]:
        """The rows with their times, and with their canonical URIs where they are documents of what the path names."""
        finds = ctx.bound is not None and ctx.bound.route.operation == "find"
        # PERF: what all of the URIs begin with is put together once.
        place = uri_of(ctx, self._path_of(ctx, "")) if finds else ""
        place = place if place.endswith("/") else ""
        return [self._row(ctx, body, place) for body in bodies]

    def _row(self, ctx: Context, body: dict[str, Any], place: str) -> dict[str, Any]:
        created, modified = body.pop(CREATED, None), body.pop(MODIFIED, None)
        if created is not None and modified is not None:
            body.setdefault("creationTime", iso_millis(created))
            body.setdefault("lastModifiedTime", iso_millis(modified))
        id = body.get("id")
        if not place or not isinstance(id, str):
            return body
        uri = place + (id if id.isalnum() and id.isascii() else quote(id, safe=""))
        return {"uri": uri, **self._with_files(ctx, body, uri)}

    def filters(self, ctx: Context) -> tuple[Filter, ...]:
        """The filters of the query."""
        return lists.filters(self, ctx, super().filters)

    def collection(self, ctx: Context, rows: list[Any], page: Page | None) -> Any:
        """`records`, `paging` and `navigation`."""
        return lists.collection(self, ctx, rows, page)

    def shown(self, ctx: Context, reply: Reply) -> Any:
        """The answer as JSON; what a token request is answered with keeps the names of the standard (RFC 6749, 5.1)."""
        as_it_is = self.is_token_request(ctx) and isinstance(reply.answer, dict)
        return reply.answer if as_it_is else super().shown(ctx, reply)

    def status(self, ctx: Context, reply: Reply) -> int:
        """As ever, but nothing is made by a token request."""
        return 200 if self._is_oauth(ctx) else super().status(ctx, reply)

    def _path_of(self, ctx: Context, id: str) -> str:
        """The path of a document of what the path of the request names."""
        *outer, (name, _) = ctx.nouns()
        endpoint = ctx.registry.names[name]
        if endpoint.tenants:
            return self.path(ctx, (Noun(name, (id,)),))
        # NOTE: where there is one for all, no id leads to it.
        single = all(route.operation != "read" for route in endpoint.routes)
        return self.path(ctx, (*outer, Noun(name, () if single else (id,))))

    def _with_files(self, ctx: Context, body: dict[str, Any], uri: str) -> dict[str, Any]:
        """The document at this URI with the URIs of its files, as the dialect's words say where they are."""
        noun = ctx.resolved[-1][0].name
        links = self.words.links.get(noun)
        for field, below in links.items() if links else ():
            files = body.get(field)
            if isinstance(files, list):
                for file in files:
                    if isinstance(file, dict) and "id" in file:
                        file["uri"] = f"{uri}/{below}/{quote(str(file['id']), safe='')}"
            else:
                body[field] = f"{uri}/{below}"
        return shapes.shown(noun, body)

    def failed(self, refusal: Refusal) -> int:
        """The status of the error."""
        return refusal.status

    def failure(self, ctx: Context, refusal: Refusal) -> None:
        """The error; but that what is to be deleted is not there is none, where the settings say so."""
        if self.options.delete_missing == 204 and ctx.verb == "DELETE" and isinstance(refusal, BadIdentifier):
            *_, (_, args) = ctx.nouns() or (Noun(""),)
            if args[:1] == (refusal.cause,) and len(args) == 1:
                ctx.status, ctx.response_headers, ctx.payload = 204, [], b""
                return
        super().failure(ctx, refusal)

    def error(self, ctx: Context, refusal: Refusal) -> Any:
        """The error at both levels: `errors`, and the first of them beside it for older clients."""
        return error_of(self, ctx, refusal)

    def id_word(self, noun: str) -> str:
        """What an id of a noun is called where it is a parameter: `accountId`, `messageId`."""
        return _IDS.get(noun) or f"{camel(self.word(noun).replace('-', '_'))}Id"

    def together(self, ctx: Context, parts: Sequence[Context]) -> None:
        """207 with the answers to all parts, or what one alone would have been answered with."""
        together(self, ctx, parts)


def _is_form(ctx: Context) -> bool:
    return essence(ctx.header(b"content-type") or "") == FORM
