"""JSONP: a JSON answer as a script that calls a function of the page, for pages older than CORS.

Off unless `server.jsonp` is on. Such a script can be loaded by any page, so it is only as secret as its address.
"""

from __future__ import annotations

import re

from .context import Context
from .errors import BadRequest
from .negotiation import JSON

WORD = "jsonp"
"""The query word that names the function, as Kazoo's clients write it."""

_SCRIPT = (b"content-type", b"application/javascript; charset=utf-8")
_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,63}(?:\.[A-Za-z_$][A-Za-z0-9_$]{0,63}){0,7}", re.ASCII)
# Line ends to a script of before 2019, and plain characters to JSON.
_LINE_ENDS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
_LONGEST = 64


def refuse_bad_callback(ctx: Context) -> None:
    """Raise BadRequest if the function has a name that is none, and could be a script of its own."""
    name = ctx.query.get(WORD)
    if name is not None and (len(name) > _LONGEST or not _CALLBACK.fullmatch(name)):
        raise BadRequest(
            "jsonp must name a function: letters, digits, _ and $, with dots between names, 64 characters in all",
            word="bad_query",
            cause=name[:_LONGEST],
        )


def wrap(ctx: Context) -> None:
    """Make a script of the response if it is a whole JSON document that answers a GET; everything else stays.

    NOTE: a refusal stays JSON with its status. No browser would run it as a script, whatever its form: the page is told
    by the element's `error` event, and success cannot be mistaken.
    """
    payload = ctx.payload
    if ctx.method not in ("GET", "HEAD") or ctx.verb != "GET" or not 200 <= ctx.status < 300:
        return
    if not isinstance(payload, bytes) or (b"content-type", JSON.encode()) not in ctx.response_headers:
        return
    for plain, escaped in _LINE_ENDS:
        payload = payload.replace(plain, escaped)
    # NOTE: the comment in front keeps the first bytes of the response out of the client's hands.
    ctx.payload = b"/**/%b(%b);" % (ctx.query[WORD].encode("ascii"), payload)
    position = ctx.response_headers.index((b"content-type", JSON.encode()))
    ctx.response_headers[position] = _SCRIPT
