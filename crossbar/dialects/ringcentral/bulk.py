"""Several ids in one path: each answered on its own, all of them together with 207 (reference, A.9).

The ids stand in one argument of the path, with commas between them, or in the body, if `*` stands in their place. Each
is a request of its own from there on, with nothing but the caller in common.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from ...body import decode_json
from ...context import Part
from ...errors import BadRequest, InvalidEnvelope, NotAcceptable, UnsupportedMediaType
from ...media.parts import parts_in
from ...negotiation import FORM, JSON, choose, essence, is_json
from ...target import Noun, Target
from .uris import uri_of

if TYPE_CHECKING:
    from ...context import Context
    from .dialect import RingCentralDialect

MIXED = "multipart/mixed"
VENDOR = "application/vnd.ringcentral.multipart+json"
ALL = "*"
"""What stands in the path where the ids are in the body."""
_LONGEST = 256
_VERBS = ("GET", "PUT", "PATCH", "DELETE")


def ids_in(argument: str) -> list[str]:
    """The ids in an argument of a path, each once; what is not there between two commas is none."""
    return [id for id in dict.fromkeys(argument.split(",")) if id] if "," in argument else [argument]


def acceptable(accept: str | None) -> str | None:
    """An `Accept` field in which the types of answers for several things mean what each of them is: JSON."""
    return accept if accept is None else accept.replace(VENDOR, JSON).replace(MIXED, JSON)


def wanted(dialect: RingCentralDialect, ctx: Context) -> tuple[Part, ...]:
    """The parts of a request whose path has several ids; empty for one, which the target then names.

    BadRequest for more ids than may be named at once, for ids in several places, and for bodies that do not belong to
    them.
    """
    nouns = ctx.target.nouns
    if not nouns or nouns[-1].name in ctx.registry.raw:
        return ()
    named = {at: ids_in(noun.args[0]) for at, noun in enumerate(nouns) if noun.args and "," in noun.args[0]}
    at, ids = next(((at, ids) for at, ids in named.items() if len(ids) > 1), (len(nouns) - 1, []))
    if len(named) > 1:
        told = "several ids can stand in one place of the path only"
        raise BadRequest(told, word="bad_parameter", cause=_id(at, ctx))
    if named and not ids:
        at, ids = next(iter(named.items()))
        if ids:
            ctx.target = _target(ctx.target, at, ids[0])
        return ()
    if ids:
        bodies = _bodies_in_order(ctx, dialect, at, ids)
    elif nouns[at].args == (ALL,) and ctx.verb in ("PUT", "PATCH", "DELETE"):
        ids, bodies = _in_body(ctx)
    else:
        return ()
    _refuse_more(dialect, ctx, at, ids)
    _shape(ctx)
    ctx.accept = None
    return tuple(
        Part(_target(ctx.target, at, id), body, JSON if body else "") for id, body in zip(ids, bodies, strict=True)
    )


def _refuse_more(dialect: RingCentralDialect, ctx: Context, at: int, ids: Sequence[str]) -> None:
    most = dialect.options.bulk
    if len(ids) > most:
        told = f"{most} things can be asked for at once, not {len(ids)}"
        raise BadRequest(told, word="too_many_ids", cause=_id(at, ctx))


def _bodies_in_order(ctx: Context, dialect: RingCentralDialect, at: int, ids: Sequence[str]) -> list[bytes]:
    """The body of each of the things that the path names."""
    if ctx.verb not in _VERBS:
        told = f"several things at once are for {', '.join(_VERBS)}: {ctx.verb} needs a single id"
        raise BadRequest(told, word="bad_parameter", cause=_id(at, ctx))
    _refuse_more(dialect, ctx, at, ids)
    if ctx.verb in ("GET", "DELETE") or not ctx.raw_body:
        return [b""] * len(ids)
    content_type = ctx.header(b"content-type") or JSON
    if essence(content_type) == MIXED:
        parts = parts_in(content_type, ctx.raw_body)
        wrong = next((part.content_type for part, _ in parts if not is_json(part.content_type or JSON)), None)
        if wrong is not None:
            raise UnsupportedMediaType("each part of the body must be application/json", cause=wrong)
        bodies = [content for _, content in parts]
    else:
        body = _json(ctx)
        if isinstance(body, dict):
            return [ctx.raw_body] * len(ids)
        if not isinstance(body, list):
            raise _malformed("send an object, or an array with one for each id")
        bodies = [_own_body(each) for each in body]
        for id, each in zip(ids, body, strict=False):
            if str(each.get("resourceId", id)) != id:
                raise BadRequest("the bodies must stand in the order of the ids", word="wrong_id", cause="resourceId")
    if len(bodies) != len(ids):
        raise _malformed(f"there are {len(ids)} ids, each once, and {len(bodies)} bodies: send one for each id")
    return bodies


def _in_body(ctx: Context) -> tuple[list[str], list[bytes]]:
    """The ids that stand in the body, and the body of each."""
    body = _json(ctx) if ctx.raw_body else None
    if not isinstance(body, list) or not body:
        raise _malformed("name the ids in the body, as an array")
    if ctx.verb == "DELETE":
        ids = [_as_id(each) for each in body]
        return (once := list(dict.fromkeys(ids))), [b""] * len(once)
    bodies = [_own_body(each) for each in body]
    ids = [_as_id(each.get("resourceId")) for each in body]
    if len(set(ids)) != len(ids):
        raise _malformed("an id stands in the body more than once")
    return ids, bodies


def _json(ctx: Context) -> Any:
    """The body as JSON; UnsupportedMediaType if it is not meant to be."""
    sent = essence(ctx.header(b"content-type") or JSON)
    if not is_json(sent) and not (sent == FORM and ctx.raw_body.lstrip()[:1] in (b"{", b"[")):
        raise UnsupportedMediaType(f"send application/json, {VENDOR} or {MIXED} for several ids", cause=sent)
    return decode_json(ctx.raw_body, ctx.app.settings.limits)


def _own_body(item: Any) -> bytes:
    body = item.get("body") if isinstance(item, dict) else None
    if not isinstance(body, dict):
        raise _malformed("each element of the array must be an object with a body, which is an object")
    return orjson.dumps(body)


def _as_id(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise _malformed(f"each id must be a number, or text of {_LONGEST} characters at most")
    return value


def _malformed(told: str) -> InvalidEnvelope:
    return InvalidEnvelope("json", "invalid", told, target="body")


def _target(target: Target, at: int, id: str) -> Target:
    """The target for one of the ids."""
    name, args = target.nouns[at]
    return Target(target.version, (*target.nouns[:at], Noun(name, (id, *args[1:])), *target.nouns[at + 1 :]))


def _id(at: int, ctx: Context) -> str:
    """What clients call the ids at that place of the path."""
    dialect: Any = ctx.dialect
    name: str = dialect.id_word(ctx.target.nouns[at].name)
    return name


# The answer.


def _shape(ctx: Context) -> str:
    """The media type of the answer; NotAcceptable if the client wants none of those that there are."""
    asked = choose(ctx.header(b"accept") or "*/*", (MIXED, VENDOR, JSON))
    if asked is None:
        raise NotAcceptable(f"several things are answered as {MIXED} or {VENDOR}", cause=ctx.header(b"accept"))
    return VENDOR if asked == VENDOR else MIXED


def together(dialect: RingCentralDialect, ctx: Context, parts: Sequence[Context]) -> None:
    """Put the answers to all parts into the context of the request: 207, or 204 if all were deleted.

    What is wrong with the place itself is answered once: that there is no such path or method, that too much was asked
    for, or a failure of ours.
    """
    first = parts[0]
    same = all(part.status == first.status for part in parts)
    if same and (all(part.bound is None for part in parts) or first.status == 429 or first.status >= 500):
        ctx.status, ctx.reason = first.status, first.reason
        ctx.response_headers, ctx.payload = first.response_headers, first.payload
        return
    if ctx.verb == "DELETE" and all(part.status == 204 for part in parts):
        ctx.status = 204
        return
    for part in parts:
        if part.payload and dict(part.response_headers).get(b"content-type") != dialect.content_type:
            dialect.failure(part, NotAcceptable("files are fetched one by one"))
    ctx.status = 207
    boundary = secrets.token_hex(16)
    shape = _shape(ctx)
    content_type = f"{MIXED}; boundary={boundary}" if shape == MIXED else shape
    ctx.response_headers = [(b"content-type", content_type.encode())]
    ctx.payload = _multipart(dialect, parts, boundary) if shape == MIXED else _array(ctx, parts)


def _body(part: Context) -> bytes:
    """What a part is answered with; where that is nothing, an object without anything in it."""
    return part.payload if isinstance(part.payload, bytes) and part.payload else b"{}"


def _multipart(dialect: RingCentralDialect, parts: Sequence[Context], boundary: str) -> bytes:
    """The states of all parts, then the parts; a boundary in quotation marks would be more than clients understand."""
    states = [
        {
            "href": uri_of(part, dialect.path(part, part.nouns() or part.target.nouns)),
            "status": part.status,
            "responseDescription": HTTPStatus(part.status).phrase,
        }
        for part in parts
    ]
    pieces = [orjson.dumps({"response": states}), *map(_body, parts)]
    head = f"--{boundary}\r\nContent-Type: application/json\r\n\r\n".encode()
    return b"".join([head + piece + b"\r\n" for piece in pieces]) + f"--{boundary}--\r\n".encode()


def _array(ctx: Context, parts: Sequence[Context]) -> bytes:
    asked = (_id_of(ctx, part) for part in parts)
    rows = zip(asked, parts, strict=True)
    return orjson.dumps(
        [{"resourceId": id, "status": part.status, "body": orjson.Fragment(_body(part))} for id, part in rows]
    )


def _id_of(ctx: Context, part: Context) -> str:
    """The id that a part is about: that by which its target differs from the request's."""
    pairs = zip(part.target.nouns, ctx.target.nouns, strict=True)
    return next(own.args[0] for own, all in pairs if own != all)
