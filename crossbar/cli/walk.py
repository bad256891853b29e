"""How `crossbar explain` puts an explanation for people: the reading of the URI step by step, then the walk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..context import Context
from ..explain import CALLER, Explanation, named, readable
from ..pipeline import WITHOUT_BODY
from ..resource import Resource
from ..target import ALIAS
from .output import first_sentence
from .routed import FINDS

_CLAUSE = re.compile("[,:;?]")
_NUMBER = re.compile(r"^[0-9]+\. ")


class Step(NamedTuple):
    """One step of reading a URI: what is done, and what is known after it."""

    says: str
    facts: tuple[tuple[str, str], ...]


class Finding(NamedTuple):
    """One stage of the walk: its name, the question it asks, and what it finds."""

    stage: str
    asks: str
    finds: str


# -- how the URI is read ------------------------------------------------------------------------------------


def parsing_steps(explanation: Explanation) -> list[Step]:
    """How the URI becomes a version and modules, token by token, in the words of Kazoo's documentation.

    Empty for a path that has no version or cannot be decoded.
    """
    if explanation.version is None:
        return []
    ctx = explanation.context
    words: list[tuple[str, bool]] = []
    for noun in ctx.target.nouns:
        words += [(noun.name, True), *((arg, False) for arg in noun.args)]
    tokens = readable(ctx.raw_path.decode(errors="surrogateescape")).rstrip("/").split("/")[1:]
    rest = tokens[len(tokens) - len(words) if words else 1 :]
    version = ("Version", explanation.version)
    steps = [Step("First, strip the version off the URI:", (version, *_remaining("URI Remaining", rest)))]
    if rest and not words:
        said = f"It is {ALIAS}, which takes no data:" if rest[0] == ALIAS else "It is not, and no module is before it:"
        steps.append(Step(f"{_ASK} {said}", (version, *_remaining("URI Remaining", rest))))
    modules: list[tuple[str, list[str]]] = []
    for number, (word, opens) in enumerate(words):
        if opens:
            modules.append(("accounts", [CALLER.account_id]) if word == ALIAS else (word, []))
        else:
            modules[-1][1].append(word)
        told = ", ".join(f"{name}: [{', '.join(args)}]" for name, args in modules)
        # NOTE: "Remaining URI" from the third token on is how the documentation has it.
        label = "URI Remaining" if number < 2 else "Remaining URI"
        facts = (version, ("Modules", f"{{{told}}}"), *_remaining(label, rest[number + 1 :]))
        steps.append(Step(_said(number, word, opens), facts))
    return steps


_ASK = "See if the next token is a REST endpoint module."


def _said(number: int, word: str, opens: bool) -> str:
    if number >= 2:
        return f"Repeat parsing. {word} is {'a REST endpoint' if opens else 'an argument'}:"
    if opens:
        return f"{_ASK} It is, so track the module for later routing:"
    return f"{_ASK} It is not, so add the token to the last module’s data:"  # noqa: RUF001


def _remaining(label: str, rest: list[str]) -> tuple[tuple[str, str], ...]:
    return ((label, "/" + "/".join(rest)),) if rest else ()


# -- the walk -----------------------------------------------------------------------------------------------


def findings(explanation: Explanation) -> Iterator[Finding]:
    """The stages of the walk as far as the request gets, each with its question and what it finds."""
    ctx = explanation.context
    finds = _FINDS | FINDS if explanation.routing is not None or not explanation.dialect else _FINDS
    for stage in explanation.stages:
        name = stage.__name__
        asks = _CLAUSE.split(_NUMBER.sub("", stage.__doc__ or ""), 1)[0].rstrip(".")
        if explanation.message is not None and name == ctx.stage and not explanation.parts:
            allow = f"; Allow: {explanation.allow}" if explanation.allow else ""
            yield Finding(name, asks, f"{explanation.status}: {explanation.message}{allow}")
            return
        skipped = ctx.method == "OPTIONS" and name in _UNASKED
        yield Finding(name, asks, "not asked: OPTIONS only lists verbs" if skipped else finds[name](explanation, ctx))
        if explanation.parts and name == "spread":
            return


def _tokenized(told: Explanation, ctx: Context) -> str:
    nouns = ", ".join(map(str, told.nouns))
    version = f"version {told.version}" if told.version else "no version"
    return f"{told.dialect}, {version}: {nouns or 'no module'}"


def _opened(told: Explanation, ctx: Context) -> str:
    verb = f"verb {ctx.verb}" if ctx.verb == ctx.method else f"{ctx.method} stands for the verb {ctx.verb}"
    words = f"; query {', '.join(ctx.query)}" if ctx.query else ""
    limit = ctx.app.settings.limits.body
    return f"{verb}{words}" + ("" if ctx.method in WITHOUT_BODY else f"; a body of up to {limit} bytes")


def _authenticated(told: Explanation, ctx: Context) -> str:
    own = "authenticate" in ctx.resolved[-1][0].overrides if ctx.resolved else False
    asked = f"; whom no token names, {told.endpoint} may vouch for itself" if own else ""
    return f"not asked here: somebody is assumed to be logged in{asked}"


def _spread(told: Explanation, ctx: Context) -> str:
    if not told.parts:
        return "one thing"
    return f"{len(told.parts)} things, each on a walk of its own from here; the answers go out together"


def _resolved(told: Explanation, ctx: Context) -> str:
    if ctx.bound is None:
        return f"Allow: {told.allow}"
    looks = [f"{endpoint.name}({', '.join(args)})" for endpoint, args in named(ctx)]
    looked = f"; looks up {', '.join(looks)}" if looks else ""
    return f"{told.endpoint}.{told.operation}({', '.join(ctx.args)}){looked}"


def _charged(told: Explanation, ctx: Context) -> str:
    if ctx.app.admission is None or ctx.bound is None:
        return "requests are not counted: see rate.enabled"
    price = ctx.app.admission.price(ctx.bound, ctx.dialect)
    return f"takes {price.cost} of the {price.group.quota.size} tokens in the bucket {price.group.name}"


def _authorized(told: Explanation, ctx: Context) -> str:
    if ctx.tenant is None:
        return f"{told.endpoint} answers outside of accounts too"
    own = [endpoint.name for endpoint, _ in ctx.resolved if "authorize" in endpoint.overrides]
    asked = f", and {', '.join(own)} may refuse" if own else ""
    return f"the caller must be {ctx.tenant} or an account above it{asked}"


def _negotiated(told: Explanation, ctx: Context) -> str:
    return f"answers with {', '.join(ctx.resolved[-1][0].provides)}"


def _validated(told: Explanation, ctx: Context) -> str:
    endpoint, bound = ctx.resolved[-1][0], ctx.bound
    if ctx.verb in ("GET", "DELETE"):
        return "nothing to check"
    if bound is None or not bound.route.writes or not isinstance(endpoint, Resource):
        return f"left to {told.endpoint}.{told.operation}"
    rules = [f"schema {endpoint.schema}"] if endpoint.schema else []
    rules += [f"check {check.__name__}" for check in endpoint.checks]
    rules += [f"unique {path}" for path in endpoint.unique]
    return ", ".join(rules) or "any JSON object"


def _executed(told: Explanation, ctx: Context) -> str:
    said = first_sentence(ctx.bound.call if ctx.bound is not None else None)
    filters = ctx.listing_asked.filters if ctx.listing_asked is not None else ()
    wanted = [f"{'.'.join(each.path)} {each.operator} {_value(each.value)}" for each in filters]
    return f"{said} Filters: {', '.join(wanted)}" if wanted else said


def _value(value: object) -> str:
    return " or ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _rendered(told: Explanation, ctx: Context) -> str:
    return f"{told.status}, in the form of the dialect {told.dialect}"


_FINDS: dict[str, Callable[[Explanation, Context], str]] = {
    "tokenize": _tokenized,
    "open_request": _opened,
    "authenticate": _authenticated,
    "spread": _spread,
    "resolve": _resolved,
    "charge": _charged,
    "authorize": _authorized,
    "negotiate": _negotiated,
    "validate": _validated,
    "execute": _executed,
    "render": _rendered,
}

_UNASKED = frozenset({"authenticate", "spread", "charge", "authorize", "negotiate", "validate", "execute"})
