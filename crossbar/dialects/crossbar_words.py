"""What a request says in Crossbar's words: envelope, token, tunnelled verb, paging, times, filters and fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ..body import decode_json
from ..dates import from_gregorian
from ..errors import BadRequest, InvalidData, InvalidEnvelope
from ..filters import parse_filters, path_of
from ..pagination import Listing, PageRequest

if TYPE_CHECKING:
    from ..context import Context

TUNNELLED = frozenset({"GET", "PUT", "POST", "PATCH", "DELETE"})


def envelope_of(ctx: Context) -> dict[str, Any]:
    """The JSON object in the body, its top-level keys in the form `auth_token`."""
    body = decode_json(ctx.raw_body, ctx.app.settings.limits)
    if not isinstance(body, dict):
        raise InvalidEnvelope("json", "invalid", "the request body must be a JSON object", target="body")
    return {key.lower().replace("-", "_"): value for key, value in body.items()}


def token_elsewhere(ctx: Context) -> str | None:
    """The token from query, envelope or `Authorization: Bearer`, in that order."""
    token = ctx.word("auth_token")
    if isinstance(token, str) and token:
        return token
    scheme, _, field = (ctx.header(b"authorization") or "").partition(" ")
    return field.strip() if scheme.lower() == "bearer" else None


def tunnelled(ctx: Context, verb: Any) -> str:
    """The verb that a POST stands for; other methods cannot carry one, and query and envelope must agree."""
    wanted = verb.upper() if isinstance(verb, str) else ""
    other = ctx.envelope.get("verb", verb)
    if not isinstance(other, str) or other.upper() != wanted:
        raise BadRequest("verb says one thing in the query and another in the envelope", word="bad_verb", cause=other)
    if wanted not in TUNNELLED:
        raise BadRequest(f"verb must be one of {', '.join(sorted(TUNNELLED))}", word="bad_verb", cause=verb)
    if wanted == ctx.method:
        return ctx.method
    if ctx.method != "POST":
        raise BadRequest(f"verb is honoured on POST only, not on {ctx.method}", word="bad_verb", cause=verb)
    return wanted


def _size(ctx: Context, name: str, most: int) -> int | None:
    """A number of rows, at most the maximum, None if absent; BadRequest if it is no whole number of at least 1."""
    value = ctx.word(name)
    if value is None:
        return None
    text = str(value)
    if type(value) is bool or not (text.isascii() and text.isdigit() and len(text) <= 18 and text[0] != "0"):
        raise BadRequest(f"{name} must be a whole number from 1 to {most}", word=f"bad_{name}", cause=value)
    return min(int(text), most)


def _gregorian(ctx: Context, name: str) -> int | None:
    """A time from the query as Unix seconds; clients send Gregorian seconds."""
    value = ctx.word(name)
    if value is None:
        return None
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadRequest(f"{name} must be a time in Gregorian seconds", word="bad_time", cause=value)
    return from_gregorian(int(text))


def _fields(value: Any) -> tuple[str, ...]:
    """The fields that a projection keeps, from `["a","b.c"]`, `a,b.c` or `{"a":true}`."""
    if value in (None, ""):
        return ()
    names: Any = value
    if isinstance(value, str):
        names = value.split(",")
        if value[:1] in "[{":
            try:
                names = orjson.loads(value)
            except orjson.JSONDecodeError:
                names = None
    if isinstance(names, dict):
        names = [name for name, wanted in names.items() if wanted]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise BadRequest('fields must be a list of field names, such as ["name","owner_id"]', cause=value)
    for name in names:
        path_of("fields", name)
    return tuple(names)


def listing_words(ctx: Context) -> Listing:
    """Paging, order, times, filters and fields, from the query and the envelope."""
    paging = ctx.app.settings.paging
    usual = min(paging.page_size, paging.maximum)
    wanted = ctx.flag("paginate")
    paginate = ctx.target.version != "v1" and wanted is not False
    if not ctx.query and len(ctx.envelope) <= 1:
        return Listing(PageRequest(usual, paginate=paginate))
    for first, last in (("created_from", "created_to"), ("modified_from", "modified_to")):
        begin, end = _gregorian(ctx, first), _gregorian(ctx, last)
        if begin is not None and end is not None and begin > end:
            raise InvalidData(first, "date_range", f"{first} is after {last}", cause=ctx.word(first))
    start = ctx.word("start_key")
    size = _size(ctx, "page_size", paging.maximum)
    return Listing(
        PageRequest(
            usual if size is None else size,
            str(start) if start not in (None, "") else None,
            not (ctx.flag("ascending") is True or ctx.flag("descending") is False),
            paginate,
            wanted is True or size is not None or start not in (None, ""),
            ctx.flag("is_chunked"),
            _size(ctx, "chunk_size", paging.maximum),
        ),
        parse_filters(ctx.query.items()),
        _gregorian(ctx, "created_from"),
        _gregorian(ctx, "created_to"),
        _gregorian(ctx, "modified_from"),
        _gregorian(ctx, "modified_to"),
        _fields(ctx.word("fields")),
        ctx.flag("full_docs") is True,
    )
