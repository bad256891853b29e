"""Plain: what most REST APIs have in common, and where a dialect of one's own begins.

JSON objects and arrays without an envelope; POST to create, PUT to replace, PATCH to change, 201 and 204; bearer
tokens; errors with `message` and `status`; pages by `page` and `per_page` or by `start_key`; fields as filters. A
subclass changes what is different: prefixes, verbs, words, and how answers, listings and errors are put into JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..body import decode_json
from ..dates import from_iso, iso
from ..errors import BadRequest, Forbidden, InvalidEnvelope, NotFound
from ..filters import Filter
from ..negotiation import FORM, JSON, essence, is_json
from ..pagination import Listing, PageRequest
from ..target import Noun, Target, split_path
from .answering import TOKENS, Answering
from .fields import Fields, names_in
from .paths import is_below, singular, tokens_of, version_in
from .queries import filters_of, form_of, page_of
from .rules import Rule, Times, put
from .words import Lexicon, Words, filled

if TYPE_CHECKING:
    from ..context import Context
    from ..endpoint import Endpoint
    from ..registry import Registry
    from ..routes import Route


class Plain(Answering):
    """A dialect without peculiarities. `prefixes` are the paths that it answers below, `words` what it calls things."""

    name: ClassVar[str] = "plain"
    verbs: Mapping[str, str] = {
        **{"find": "GET", "create": "POST", "read": "GET", "replace": "PUT", "patch": "PATCH", "delete": "DELETE"}
    }
    also: Mapping[str, tuple[str, ...]] = {}
    prefixes: tuple[str, ...] = ()
    size_words: ClassVar[tuple[str, ...]] = ("per_page",)
    control: ClassVar[frozenset[str]] = frozenset()
    """Further words of the query that are no filters and may stand there once."""
    full: ClassVar[bool] = True
    """Whether the rows of listings are whole documents, and not only what their endpoint sums them up by."""
    leaves_out_account: ClassVar[bool] = False
    """Whether lists of paths leave out the account before a document whose id stands in the path."""
    times: Times = Times(iso, from_iso)

    def __init__(self, prefixes: Sequence[str] = (), words: Words | None = None) -> None:
        self.prefixes = tuple(sorted(prefixes or self.prefixes, key=len, reverse=True))
        self.words = words or Words()
        self._begins = tuple((prefix.encode(), version_in(prefix)) for prefix in self.prefixes)
        self._called: dict[str, str] = {}
        for word, noun in self.words.nouns.items():
            self._called.setdefault(noun, word)
        self._called_first = {noun: word for word, noun in self.words.roots.items()}

    # The path.

    def claims(self, raw_path: bytes) -> bool:
        """Whether the path begins with one of the prefixes."""
        return any(is_below(raw_path, begin) for begin, _ in self._begins)

    def target(self, raw_path: bytes, registry: Registry) -> Target:
        """The nouns below the prefix; NotFound for a path of somebody else's."""
        for begin, version in self._begins:
            if is_below(raw_path, begin):
                tokens = split_path(raw_path[len(begin) :])
                return Target(version, self.lexicon(registry).nouns(tokens))
        raise NotFound(f"not an API path: begin with {self.prefixes[0]}")

    def lexicon(self, registry: Registry) -> Lexicon:
        """The dialect's words for the endpoints that there are."""
        known = registry.worked_out.get((self.name, "lexicon"))
        if known is None:
            known = Lexicon(registry, self.words, self.spell)
            registry.worked_out[self.name, "lexicon"] = known
        assert isinstance(known, Lexicon)
        return known

    def localize(self, ctx: Context, nouns: tuple[Noun, ...]) -> tuple[Noun, ...]:
        """The nouns, below the caller's own account where the path names none and what it names belongs to one."""
        first = ctx.registry.names.get(nouns[0].name) if nouns else None
        # NOTE: who asks what there is does not say who they are.
        if ctx.method == "OPTIONS" or first is None or first.tenants or first.anywhere or first.greedy:
            return nouns
        own = ctx.principal.account_id if ctx.principal is not None else ""
        if not own or "accounts" not in ctx.registry.names:
            raise Forbidden("this belongs to an account, and you to none: log in to one")
        return (Noun("accounts", (own,)), *nouns)

    def look_up(self, ctx: Context, nouns: tuple[Noun, ...]) -> Any:
        """Nothing: there are no aliases."""
        return None

    def path(self, ctx: Context, nouns: tuple[Noun, ...]) -> str:
        """The path of the nouns, below the prefix of the request."""
        spelt = tuple(Noun(self._word_at(at, name), args) for at, (name, args) in enumerate(nouns))
        return "/".join([ctx.root_path + self.prefix(ctx), *tokens_of(spelt)])

    def prefix(self, ctx: Context) -> str:
        """The prefix of the request."""
        found = (
            prefix
            for prefix, (begin, _) in zip(self.prefixes, self._begins, strict=True)
            if is_below(ctx.raw_path, begin)
        )
        return next(found, self.prefixes[0])

    def template(self, nouns: tuple[Noun, ...]) -> str:
        """The path of the nouns below the first prefix; parameters stand in braces."""
        tokens = [self.prefixes[0]]
        for at, (name, args) in enumerate(nouns):
            tokens.append(self._word_at(at, name))
            for token in args:
                braced = token[:1] == "{"
                tokens.append(f"{{{self.parameter(name, token[1:-1])}}}" if braced else self.spell(token))
        return "/".join(tokens)

    def may_begin_with(self, noun: str) -> bool:
        """Whether lists of paths leave out the account before this noun, where its id stands in the path."""
        return self.leaves_out_account and self.word(noun) not in self.words.roots

    def parameter(self, noun: str, name: str) -> str:
        """What a parameter of a noun is called in lists of paths; the id of a document after the word for it."""
        return f"{self._called.get(noun) or singular(noun)}_id" if name == "id" else name

    def beside(self, noun: str) -> tuple[str, ...]:
        """The words behind the id of a document of this noun that the dialect itself answers, for lists of paths."""
        return ()

    def remarks(self, ctx: Context) -> tuple[str, ...]:
        """What else there is to say of how a path is read, for who has it explained: a sentence each."""
        return ()

    def word(self, noun: str) -> str:
        """The first word for the noun, or the noun itself as the dialect spells it."""
        return self._called.get(noun) or self._called_first.get(noun) or self.spell(noun)

    def _word_at(self, at: int, noun: str) -> str:
        """The word for a noun at that place of a path, the beginning of which may have words of its own."""
        return self.word(noun) if at else self._called_first.get(noun) or self.word(noun)

    def spell(self, word: str) -> str:
        """What a noun, or the word of an action, is called that has no word of its own."""
        return word

    def case(self, name: str) -> str:
        """What a field is called that has no rule of its own."""
        return name

    # The request.

    def refuse_repeated(self, words: list[tuple[str, str]]) -> None:
        """Refuse a word that says how to answer and stands twice; a filter may have several values."""
        seen: set[str] = set()
        once = {self.page_word, *self.size_words, self.key_word, *self.control, *TOKENS}
        for name, _ in words:
            if name in seen and name in once:
                raise BadRequest(f"{name} stands in the query more than once", word="bad_query", cause=name)
            seen.add(name)

    def read(self, ctx: Context) -> None:
        """The bearer token and the accepted media type."""
        scheme, _, token = (ctx.header(b"authorization") or "").partition(" ")
        if scheme.lower() == "bearer":
            ctx.token = token.strip()
        ctx.accept = ctx.header(b"accept")
        own = essence(self.content_type.decode())
        if own != JSON and ctx.accept is not None:
            ctx.accept = ctx.accept.replace(own, JSON)  # it is the form that JSON goes out in

    def ids_in(self, argument: str) -> Sequence[str]:
        """The argument: it names one thing."""
        return (argument,)

    def reads(self, media_type: str) -> bool:
        """Whether it is JSON or a form."""
        return is_json(media_type) or media_type == FORM

    def take(self, ctx: Context, raw: bytes) -> None:
        """The JSON part, which is the body that was waited for."""
        ctx.raw_body = raw

    def data(self, ctx: Context) -> dict[str, Any]:
        """The JSON object, or the fields of a form, in neutral names and without private fields."""
        raw = ctx.raw_body
        if not raw:
            return {}
        is_form = not ctx.unread and essence(ctx.header(b"content-type") or JSON) == FORM
        if is_form and raw.lstrip()[:1] not in (b"{", b"["):
            body: Any = form_of(raw, ctx.app.settings.limits.query_words)
        else:
            body = decode_json(raw, ctx.app.settings.limits)
        if not isinstance(body, dict):
            raise InvalidEnvelope("json", "type", "the request body must be a JSON object", target="object")
        named = self.named(ctx, body)
        if ctx.bound is not None and ctx.bound.route.operation == "create":
            return filled(named, self.words.defaults.get(ctx.bound.endpoint.name, {}))
        return named

    def named(self, ctx: Context, fields: dict[str, Any]) -> dict[str, Any]:
        """Fields as they were sent, which are used up, in neutral names and without private ones."""
        if ctx.bound is not None:
            known = self.fields_of(ctx, ctx.bound.endpoint)
            is_form = essence(ctx.header(b"content-type") or JSON) == FORM
            fields = known.into(fields, flat=ctx.unread or is_form)
            if ctx.bound.route.operation == "replace" and ctx.found is not None:
                # NOTE: what a client was shown and cannot set would be gone, though it has sent all of it back.
                for path, value in known.shown_only(ctx.found.data()):
                    put(fields, path, value)
        return {key: value for key, value in fields.items() if key[:1] != "_" and key[:4] != "pvt_"}

    def listing(self, ctx: Context) -> Listing:
        """The page, and the fields that rows must have."""
        return Listing(self.page(ctx), self.filters(ctx), full=self.full)

    def page(self, ctx: Context) -> PageRequest:
        """Which page is asked for: by number, or from a key on; sizes above the maximum mean the maximum."""
        return page_of(ctx, self.page_word, self.size_words, self.key_word)

    def filters(self, ctx: Context) -> tuple[Filter, ...]:
        """The fields that words of the query name, with one value or several; other words say nothing."""
        if not ctx.words or ctx.bound is None:
            return ()
        endpoint = ctx.bound.endpoint
        without = self.control | {self.page_word, self.key_word, *self.size_words}
        asked = [(self.filter_word(name), value) for name, value in ctx.words if name not in without]
        words = [(name, value) for name, value in asked if name is not None]
        extra = self.words.filters.get(endpoint.name, {})
        return filters_of(words, self.fields_of(ctx, endpoint), extra, self.times)

    def filter_word(self, word: str) -> str | None:
        """The name of the field that a word of the query filters by, None for a word that is no filter."""
        return word

    def group(self, endpoint: Endpoint, route: Route) -> str:
        """The usage group of the dialect's words, else the one that the route or the endpoint names."""
        groups = self.words.groups
        return groups.get(endpoint.name) or groups.get("*") or route.group or endpoint.limit_group

    # The fields of documents.

    def fields_of(self, ctx: Context, endpoint: Endpoint) -> Fields:
        """How the documents of an endpoint are written."""
        key = (self.name, "fields", endpoint.name)
        known = ctx.registry.worked_out.get(key)
        if known is None:
            known = ctx.registry.worked_out[key] = self._fields_for(ctx, endpoint)
        assert isinstance(known, Fields)
        return known

    def _fields_for(self, ctx: Context, endpoint: Endpoint) -> Fields:
        words = self.words
        schema = getattr(endpoint, "schema", None)
        known, top = (None, frozenset[str]()) if schema is None else names_in(ctx.app.schemas, schema)
        # NOTE: a word for all nouns is for those that have the field; elsewhere it may be anybody's name of something.
        has = {*top, *endpoint.parents.values()} if schema else None
        common = {ours: rule for ours, rule in words.fields.get("*", {}).items() if has is None or ours in has}
        told = {**common, **words.fields.get(endpoint.name, {})}
        rules = [Rule.of(ours, theirs) for ours, theirs in told.items()]
        fixed = words.fixed.get(endpoint.name)
        # NOTE: where its files are, a document says by itself.
        dropped = (*self.dropped(endpoint), *words.links.get(endpoint.name, ()))
        return Fields(rules, self.times, known, self.case, fixed, dropped, top | {"id"})

    def dropped(self, endpoint: Endpoint) -> tuple[str, ...]:
        """What clients send back of a document though it is not theirs to set."""
        return ("id",)
