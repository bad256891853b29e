"""Crossbar's own dialect, versions 1 and 2: envelopes, tunnelled verbs, start_key paging, Gregorian seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from .. import renderers
from .._version import __version__
from ..dates import gregorian
from ..dispatch import CROSSBAR
from ..endpoint import Endpoint
from ..envelope import STREAM_HEAD, envelope_message, failure_data, stream_tail
from ..errors import BadRequest, InvalidEnvelope, NotFound, Refusal
from ..fields import Fields
from ..negotiation import FORM, JSON, accepts_body, essence, named
from ..pagination import Listing
from ..reply import Page, Reply, Stream
from ..routes import Route
from ..stores import Document
from ..target import ALIAS, Noun, Target, is_version, tokenize
from .crossbar_stream import Sent, next_link, streamed
from .crossbar_words import envelope_of, listing_words, token_elsewhere, tunnelled
from .paths import tokens_of
from .queries import form_of
from .row_files import as_file

if TYPE_CHECKING:
    from ..context import Context
    from ..registry import Registry

# Words that say what is asked for, as against filters and what other people's tools append.
CONTROL = frozenset(
    {"accept", "ascending", "auth_token", "chunk_size", "descending", "fields", "full_docs", "jsonp", "is_chunked"}
    | {"page_size", "paginate", "pretty_print", "should_soft_delete", "start_key", "verb"}
)


class CrossbarDialect:
    """Kazoo's conventions: `/v2/accounts/{id}/devices/{id}`, `data` in and out, tokens in `X-Auth-Token`."""

    name: ClassVar[str] = "crossbar"
    verbs: Mapping[str, str] = CROSSBAR.verbs
    also: Mapping[str, tuple[str, ...]] = CROSSBAR.also

    def claims(self, raw_path: bytes) -> bool:
        """Whether the path begins with a version."""
        return is_version(raw_path[1:].partition(b"/")[0].decode("latin-1"))

    def target(self, raw_path: bytes, registry: Registry) -> Target:
        """The version and nouns of the path; NotFound if it has no version."""
        target = tokenize(raw_path, registry.names, registry.greedy, registry.literals)
        if target.version is None:
            raise NotFound("not an API path: begin with a version, such as /v2/accounts/{id}")
        return target

    def localize(self, ctx: Context, nouns: tuple[Noun, ...]) -> tuple[Noun, ...]:
        """`account` as `accounts` with the caller's own account."""
        for noun in nouns:
            if noun.name == ALIAS:
                break
        else:
            return nouns
        own = ctx.principal.account_id if ctx.principal is not None else ""
        return tuple(Noun("accounts", (own, *noun.args)) if noun.name == ALIAS else noun for noun in nouns)

    def look_up(self, ctx: Context, nouns: tuple[Noun, ...]) -> None:
        """Nothing: the one alias is known without the store."""

    def path(self, ctx: Context, nouns: tuple[Noun, ...]) -> str:
        """The path of these nouns in the version of the request."""
        return "/".join([ctx.root_path, ctx.target.version or "v2", *tokens_of(nouns)])

    def template(self, nouns: tuple[Noun, ...]) -> str:
        """The path of these nouns in version 2, as it stands, with its braces."""
        return "/".join(["/v2", *(token for name, args in nouns for token in (name, *args))])

    def word(self, noun: str) -> str:
        """The noun: it is Crossbar's own."""
        return noun

    def refuse_repeated(self, words: list[tuple[str, str]]) -> None:
        """Refuse a control word that stands twice: servers on the way might each believe another one of them."""
        seen: set[str] = set()
        for name, _ in words:
            if name in seen and name in CONTROL:
                raise BadRequest(f"{name} stands in the query more than once", word="bad_query", cause=name)
            seen.add(name)

    def read(self, ctx: Context) -> None:
        """The envelope of a JSON body, then `verb`, `accept` and the token from where clients put them."""
        if ctx.raw_body:
            sent = essence(ctx.header(b"content-type") or JSON)
            if sent == FORM and _takes_forms(ctx):
                ctx.envelope = {"data": form_of(ctx.raw_body, ctx.app.settings.limits.query_words)}
            elif accepts_body(sent):
                ctx.envelope = envelope_of(ctx)
        headers = ctx.headers
        token = headers.get(b"x-auth-token")
        if token:
            ctx.token = token.decode("latin-1").strip()
        elif ctx.query or ctx.envelope or b"authorization" in headers:
            ctx.token = token_elsewhere(ctx)
        if ctx.query or ctx.envelope:
            verb = ctx.word("verb")
            if verb is not None:
                ctx.verb = tunnelled(ctx, verb)
            accept = ctx.word("accept")
            if isinstance(accept, str):
                # NOTE: as with Kazoo, a format that nobody knows means JSON here; only the header can lead to a 406.
                wanted = ctx.app.formats.get(accept.strip().lower(), named(accept))
                ctx.accept = wanted if wanted in ctx.app.renderers else JSON
        if ctx.accept is None:
            ctx.accept = ctx.header(b"accept")

    def ids_in(self, argument: str) -> Sequence[str]:
        """The argument: it names one thing."""
        return (argument,)

    def reads(self, media_type: str) -> bool:
        """Whether a body of this type is read as an envelope."""
        return accepts_body(media_type)

    def named(self, ctx: Context, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields as they are."""
        return fields

    def take(self, ctx: Context, raw: bytes) -> None:
        """The JSON part as the envelope, or as its data if it has no `data`."""
        ctx.raw_body = raw
        envelope = envelope_of(ctx)
        late = [word for word in ("accept", "auth_token", "verb") if word in envelope and "data" in envelope]
        if late:
            told = f"{late[0]} stands in a part of a form, where it comes too late: put it into the query"
            raise BadRequest(told, word="bad_multipart", cause=late[0])
        ctx.envelope = envelope if "data" in envelope else {"data": envelope}

    def data(self, ctx: Context) -> dict[str, Any]:
        """`data` of the envelope without private fields; an empty body is an empty object, and DELETE needs none."""
        if not ctx.raw_body or (ctx.verb == "DELETE" and "data" not in ctx.envelope):
            return {}
        if "data" not in ctx.envelope:
            raise InvalidEnvelope("data", "required", 'Field is required but missing: send {"data": {...}}')
        data = ctx.envelope["data"]
        if not isinstance(data, dict):
            raise InvalidEnvelope("data", "type", "Value did not match type(s): object", target="object")
        return {key: value for key, value in data.items() if key[:1] != "_" and key[:4] != "pvt_"}

    def listing(self, ctx: Context) -> Listing:
        """Paging, order, times, filters and fields, from the query and the envelope."""
        return listing_words(ctx)

    def group(self, endpoint: Endpoint, route: Route) -> str:
        """The group that the route or the endpoint names."""
        return route.group or endpoint.limit_group

    def fields(self, ctx: Context) -> Fields:
        """`X-Request-ID`, and the standard fields of rate limits."""
        charge = ctx.charge
        named = (b"x-request-id", ctx.request_id.encode())
        return [named, *charge.fields()] if charge is not None else [named]

    def together(self, ctx: Context, parts: Sequence[Context]) -> None:
        """Nothing: a path names one thing at a time."""

    def success(self, ctx: Context, reply: Reply) -> None:
        """The answer in an envelope, or without one in another media type."""
        ctx.status = reply.status or _status(ctx)
        ctx.response_headers.extend(reply.headers)
        answer = reply.answer
        if ctx.media_type != JSON and ctx.media_type in ctx.app.renderers:
            as_file(ctx, answer, next_link)
            return
        ctx.response_headers.append(_JSON_TYPE)
        envelope: dict[str, Any] = {}
        if isinstance(answer, Document):
            revision = ctx.bound.endpoint.etag(ctx, answer) if ctx.bound is not None else str(answer.revision)
            envelope["data"] = orjson.Fragment(answer.body)
            self._facts(ctx, envelope, revision)
            times = {"created": gregorian(answer.created), "modified": gregorian(answer.modified)}
            envelope["metadata"] = {"id": answer.id, **times}
            if reply.deleted:
                envelope["metadata"]["deleted"] = True
        elif isinstance(answer, Page):
            rows = answer.rows
            self._facts(ctx, envelope, ctx.app.revision_of(rows.joined))
            self._keys(ctx, envelope, rows.count, rows.first, rows.next)
            envelope.update(reply.envelope)
            # PERF: the rows are bytes already; they are copied once, into their place.
            self._write(ctx, b"".join((STREAM_HEAD, answer.rows.joined, stream_tail(envelope))))
            return
        elif isinstance(answer, Stream):
            ctx.payload = streamed(ctx, answer, partial(self._trailer, ctx, reply, answer.paged))
            return
        else:
            envelope["data"] = {} if answer is None else answer
            self._facts(ctx, envelope, None)
        if reply.envelope:
            envelope.update(reply.envelope)
        self._write(ctx, orjson.dumps(envelope))

    def failure(self, ctx: Context, refusal: Refusal) -> None:
        """The error envelope: `error` is the status as text, `message` the word, `data` what is wrong."""
        ctx.status = refusal.status
        ctx.response_headers = [*refusal.headers, _JSON_TYPE]
        envelope: dict[str, Any] = {
            "data": failure_data(refusal, plain=ctx.target.version == "v1"),
            "error": str(refusal.status),
            "message": envelope_message(refusal),
        }
        self._facts(ctx, envelope, None)
        envelope["status"] = "fatal" if refusal.status == 500 else "error"
        self._write(ctx, orjson.dumps(envelope))

    def _keys(self, ctx: Context, envelope: dict[str, Any], count: int, first: str | None, next: str | None) -> None:
        """What an envelope says of a page beside its rows: how many there are, and the keys that lead on."""
        if ctx.target.version == "v1":
            return
        listing = ctx.listing()
        envelope["page_size"] = count
        binding = ctx.binding(listing)
        seal = ctx.app.start_keys.seal
        if listing.page.start is not None:
            envelope["start_key"] = listing.page.start
        elif first is not None:
            envelope["start_key"] = seal(first, binding, ctx.started_at)
        if next is not None:
            envelope["next_start_key"] = seal(next, binding, ctx.started_at)

    def _trailer(self, ctx: Context, reply: Reply, paged: bool, sent: Sent, failed: Refusal | None) -> dict[str, Any]:
        """What an envelope says after rows that have been sent already, also if others that were to come did not."""
        envelope: dict[str, Any] = {}
        self._facts(ctx, envelope, sent.revision if paged and failed is None else None)
        envelope.pop("tokens", None)  # as with Kazoo, whose chunked replies have none
        if paged:
            self._keys(ctx, envelope, sent.count, sent.first, sent.next)
        envelope.update(reply.envelope)
        if failed is not None:
            # NOTE: `fatal` would promise that there is nothing; here some of it is, and there is a way to the rest.
            envelope |= {"status": "error", "error": str(failed.status), "message": envelope_message(failed)}
            if sent.next is not None:
                key = ctx.app.start_keys.seal(sent.next, ctx.binding(ctx.listing()), ctx.started_at)
                envelope["next_start_key"] = key
        return envelope

    def _facts(self, ctx: Context, envelope: dict[str, Any], revision: str | None) -> None:
        """The keys that every envelope has, whatever it says."""
        principal = ctx.principal
        if principal is not None and principal.token and ctx.app.settings.auth.echo_token:
            envelope["auth_token"] = principal.token
        envelope["status"] = "success"
        envelope["request_id"] = ctx.request_id
        if revision is not None:
            envelope["revision"] = revision
        envelope["node"] = ctx.app.settings.server.node
        envelope["timestamp"] = ctx.app.timestamp(ctx.started_at)
        if principal is not None and principal.account_id:
            envelope["version"] = __version__
        charge = ctx.charge
        if charge is not None:
            envelope["tokens"] = {"consumed": charge.cost, "remaining": charge.remaining}

    def _write(self, ctx: Context, payload: bytes) -> None:
        """Put the envelope's bytes into the response, indented if the client asked for that."""
        if b"x-pretty-print" in ctx.headers or ctx.query or ctx.envelope:
            wanted = (ctx.header(b"x-pretty-print") or "").lower() == "true" or ctx.flag("pretty_print") is True
            if wanted:
                payload = renderers.pretty(payload, ctx.app.settings.limits.pretty)
        ctx.payload = payload


_JSON_TYPE = (b"content-type", b"application/json")
_SUCCESS = {"create": 201}


def _status(ctx: Context) -> int:
    """The status that an operation implies."""
    bound = ctx.bound
    return _SUCCESS.get(bound.route.operation or "", 200) if bound is not None else 200


def _takes_forms(ctx: Context) -> bool:
    """Whether the body is a form that the endpoint wants, and not JSON that curl calls a form."""
    endpoint = ctx.registry.names.get(ctx.target.nouns[-1].name) if ctx.target.nouns else None
    return endpoint is not None and FORM in endpoint.accepts and ctx.raw_body.lstrip()[:1] != b"{"
