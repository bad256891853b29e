"""The realm dialect: bare arrays, trailing slashes, `@me`, times without a zone, errors with `message` and `status`.

The facts are those of the reference on these conventions; where it leaves something open, the docs page `realm.md` says
what is done here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace

from ...dates import from_plain, iso, plain
from ...errors import BadRequest, InvalidEnvelope, MethodNotAllowed, NotFound, Refusal, TokenRefused
from ...fields import Fields as HeaderFields
from ...negotiation import essence
from ...pagination import Listing, PageRequest
from ...reply import Page
from ...settings import Realm
from ...stores import Document
from ...target import Noun, Target, split_path
from ..answering import TOKENS
from ..paths import is_below
from ..plain import Plain
from ..queries import page_of
from ..rules import Times
from ..words import Words, words_of
from . import aliases
from .errors import sentence_of, word_of
from .remarks import remarks
from .shapes import STORAGE, is_storage, links, unset, who, without_nulls
from .slashes import keep_rule, wants_slash
from .tokens import MULTIPART, OAUTH, is_token_request, open_token_request, parameters, token_error, without_all

if TYPE_CHECKING:
    from ...context import Context
    from ...registry import Registry
    from ...reply import Reply

WHOAMI = "whoami"
START, END, ORDER, COUNT = "start_datetime", "end_datetime", "order", "count"
HISTORY = "call_history"
OWNER = "owner_id"


class RealmDialect(Plain):
    """The realm conventions: `/api/ver1.0/client/@me/extension/`, PUT merges, times as `YYYY-MM-DD HH:MM:SS`."""

    name: ClassVar[str] = "realm"
    verbs: Mapping[str, str] = {
        **{"find": "GET", "create": "POST", "read": "GET", "patch": "PUT", "replace": "PUT", "delete": "DELETE"}
    }
    leaves_out_account: ClassVar[bool] = True
    size_words: ClassVar[tuple[str, ...]] = ("per_page", COUNT)
    control: ClassVar[frozenset[str]] = frozenset({START, END, ORDER, *TOKENS})

    def __init__(self, options: Realm | None = None, words: Words | None = None) -> None:
        self.options = options or Realm()
        super().__init__(self.options.prefixes, words or words_of(self.name, self.options.words))
        self._oauth = self.options.oauth.encode()
        self.outside = (self.options.oauth,)
        self.times = Times(plain if self.options.times == "plain" else iso, from_plain)

    # The path.

    def claims(self, raw_path: bytes) -> bool:
        """Whether the path begins with a prefix of the API or that of the token end points."""
        return super().claims(raw_path) or is_below(raw_path, self._oauth)

    def target(self, raw_path: bytes, registry: Registry) -> Target:
        """The nouns below the prefix; those of the token end points stand outside of it."""
        if is_below(raw_path, self._oauth):
            tokens = split_path(raw_path[len(self._oauth) :])
            return Target(None, (Noun(OAUTH, tuple(tokens)),) if OAUTH in registry.names else ())
        for begin, version in self._begins:
            if is_below(raw_path, begin):
                # NOTE: a client in use writes two slashes after the version (reference, B.4).
                tokens = split_path(raw_path[len(begin) :].lstrip(b"/"))
                return Target(version, self.lexicon(registry).nouns(tokens))
        raise NotFound(f"not an API path: begin with {self.prefixes[0]}")

    def localize(self, ctx: Context, nouns: tuple[Noun, ...]) -> tuple[Noun, ...]:
        """`@me` as the caller, below the caller's own client where the path names none."""
        if nouns and nouns[-1].name != OAUTH and self.options.slash != "lenient":
            keep_rule(self, ctx, nouns[-1])
        if nouns and is_storage(self, nouns[-1]):
            if ctx.verb != "GET":
                raise MethodNotAllowed("GET, HEAD, OPTIONS")
            nouns = (*nouns[:-1], Noun(nouns[-1].name, nouns[-1].args[:1]))
        own = tuple([aliases.own(ctx, noun) if noun.args[:1] == (aliases.ME,) else noun for noun in nouns])
        return super().localize(ctx, own)

    def look_up(self, ctx: Context, nouns: tuple[Noun, ...]) -> Awaitable[tuple[Noun, ...]] | None:
        """Extensions by their numbers."""
        if ctx.method == "OPTIONS" or not any(map(aliases.is_named, nouns)):
            return None
        return aliases.by_number(ctx, nouns)

    def path(self, ctx: Context, nouns: tuple[Noun, ...]) -> str:
        """The path of the nouns, with a slash behind a word, and none behind an id."""
        return super().path(ctx, nouns) + ("/" if self.wants_slash(ctx, nouns) else "")

    def template(self, nouns: tuple[Noun, ...]) -> str:
        """The same below the mount point, as it stands."""
        if nouns[0].name == OAUTH:
            return "/".join([self.options.oauth, *nouns[0].args])
        found = super().template(nouns)
        return found if found.endswith("}") else f"{found}/"

    def beside(self, noun: str) -> tuple[str, ...]:
        """`storage_url`, for documents with files."""
        return (STORAGE,) if noun in self.words.links else ()

    def remarks(self, ctx: Context) -> tuple[str, ...]:
        """What numbers of extensions stand for, and whether the path ends as it should."""
        return tuple(remarks(self, ctx))

    def wants_slash(self, ctx: Context, nouns: tuple[Noun, ...]) -> bool | None:
        """Whether the path of these nouns ends with a slash by rule, None where nothing answers or no rule holds."""
        return None if not nouns or nouns[-1].name == OAUTH else wants_slash(self, ctx, nouns[-1])

    # The request.

    def read(self, ctx: Context) -> None:
        """The token and the accepted media type; a token request may have its parameters in the query alone."""
        super().read(ctx)
        if is_token_request(ctx):
            open_token_request(ctx)

    def reads(self, media_type: str) -> bool:
        """Whether it is JSON, a form, or the multipart form that some send to the token end point."""
        return super().reads(media_type) or media_type == MULTIPART

    def data(self, ctx: Context) -> dict[str, Any]:
        """The JSON object; for the token end point also the fields of a form."""
        content_type = ctx.header(b"content-type") or ""
        if not ctx.unread and ctx.raw_body and essence(content_type) == MULTIPART:
            return without_all(parameters(ctx, content_type))
        body = super().data(ctx)
        if is_token_request(ctx):
            return without_all(body)
        # NOTE: in a change, null takes a value away; elsewhere it says that there is none.
        return body if self._operation(ctx) == "patch" else without_nulls(body)

    def page(self, ctx: Context) -> PageRequest:
        """The page; without a word of one, all that fits into an answer."""
        page = page_of(ctx, self.page_word, self.size_words, self.key_word)
        order = ctx.query.get(ORDER, "desc")
        if order not in ("asc", "desc"):
            raise BadRequest(f"{ORDER} must be asc or desc", word="bad_parameter", cause=ORDER)
        most = ctx.app.settings.paging.maximum
        size = page.size if any(word in ctx.query for word in self.size_words) else min(self.options.page_size, most)
        return replace(page, descending=order == "desc", size=size)

    def listing(self, ctx: Context) -> Listing:
        """The page, the times, and the fields that rows must have."""
        first, last = self._time(ctx, START, end=False), self._time(ctx, END, end=True)
        if first is not None and last is not None and first > last:
            raise BadRequest(f"{START} is after {END}", word="bad_parameter", cause=START)
        return Listing(self.page(ctx), self.filters(ctx), created_from=first, created_to=last, full=True)

    def _time(self, ctx: Context, word: str, *, end: bool) -> int | None:
        text = ctx.query.get(word)
        if text is None:
            return None
        try:
            return from_plain(text, end=end)
        except ValueError:
            told = f"{word} must be a date and time in UTC, such as 2012-07-16 23:12:30"
            raise BadRequest(told, word="bad_parameter", cause=word) from None

    # The answer.

    def fields(self, ctx: Context) -> HeaderFields:
        """`X-Request-ID`, and what is left in the bucket."""
        fields = [(b"x-request-id", ctx.request_id.encode())]
        charge = ctx.charge
        if charge is not None:
            fields += [
                (b"x-ratelimit-limit", b"%d" % charge.limit),
                (b"x-ratelimit-remaining", b"%d" % charge.remaining),
                (b"x-ratelimit-reset", b"%d" % charge.reset),
            ]
        return fields

    def status(self, ctx: Context, reply: Reply) -> int:
        """As ever, but nothing is made by a token request."""
        is_token = ctx.bound is not None and ctx.bound.endpoint.name == OAUTH
        return 200 if is_token else super().status(ctx, reply)

    def shown(self, ctx: Context, reply: Reply) -> Any:
        """The answer as JSON; who is asking, and tokens, in the form that clients look for."""
        told = super().shown(ctx, reply)
        assert ctx.bound is not None, "only what was carried out is shown"
        name = ctx.bound.endpoint.name
        if name == WHOAMI and isinstance(told, dict):
            return who(ctx, told)
        if name == OAUTH and isinstance(told, dict) and "token_type" in told:
            told["token_type"] = "Bearer"
        elif isinstance(told, dict) and OWNER in told:
            told[self.fields_of(ctx, ctx.bound.endpoint).name_of((OWNER,))] = told.pop(OWNER)
        return told

    def document(self, ctx: Context, body: dict[str, Any], document: Document) -> Any:
        """One document, with null for what is not set; or the links to its files, if these are asked for."""
        if is_storage(self, ctx.target.nouns[-1]):
            return links(self, ctx, document)
        return self.row(ctx, body)

    def row(self, ctx: Context, body: dict[str, Any]) -> Any:
        """One row of a listing, which is the whole document."""
        if ctx.bound is not None and self._operation(ctx) is not None:
            for name in unset(self, ctx, ctx.bound.endpoint):
                body.setdefault(name, None)
        return body

    def _operation(self, ctx: Context) -> str | None:
        return ctx.bound.route.operation if ctx.bound is not None else None

    def collection(self, ctx: Context, rows: list[Any], page: Page | None) -> Any:
        """The rows as an array; what leads on stands in `Link`, how many there are in `X-Total-Count`."""
        asked = ctx.listing().page
        if page is not None and page.total is not None:
            ctx.response_headers.append((b"x-total-count", b"%d" % page.total))
        rows = super().collection(ctx, rows, page)
        if ctx.raw_path.rstrip(b"/").endswith(f"/{HISTORY}".encode()):
            order = "desc" if asked.descending else "asc"
            return {
                "page": asked.number or (None if asked.start else 1),
                "per_page": asked.size,
                "order": order,
                HISTORY: rows,
            }
        return rows

    def failure(self, ctx: Context, refusal: Refusal) -> None:
        """The error; who asks what there is, at a path that no endpoint answers, is told that and nothing else."""
        super().failure(ctx, refusal)
        if ctx.method == "OPTIONS" and isinstance(refusal, MethodNotAllowed):
            ctx.status, ctx.payload, ctx.response_headers = 204, b"", [*refusal.headers]

    def failed(self, refusal: Refusal) -> int:
        """The status; a grant that is no good is a matter of who is asking here (reference, B.3)."""
        return 401 if isinstance(refusal, TokenRefused) and refusal.word == "invalid_grant" else refusal.status

    def error(self, ctx: Context, refusal: Refusal) -> Any:
        """`message`, and `status`, which tells errors with one code apart."""
        malformed = isinstance(refusal, InvalidEnvelope) and refusal.violations[0].code == "invalid"
        sentence = "Bad Request" if malformed else sentence_of(refusal, self.sentence(ctx, refusal))
        told = {"message": sentence, "status": word_of(self, ctx, refusal)}
        return {**token_error(refusal, sentence), **told} if is_token_request(ctx) else told
