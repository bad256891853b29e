"""Methods that a POST stands for: `X-HTTP-Method-Override`, and `_method` in the query (reference, A.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadRequest

if TYPE_CHECKING:
    from ...context import Context

METHOD = "_method"
HEADER = b"x-http-method-override"
TUNNELLED = frozenset({"PUT", "PATCH", "DELETE"})


def tunnelled(ctx: Context) -> str:
    """The method that the request stands for: its own, unless it is a POST that says otherwise.

    BadRequest if header and query name different methods, or one that cannot be tunnelled. On other methods both are
    passed over, since clients add `_method` to every request.
    """
    own: str = ctx.verb
    if ctx.method != "POST":
        return own
    header, word = ctx.header(HEADER), ctx.query.get(METHOD)
    asked = {name.strip().upper() for name in (header, word) if name}
    if not asked:
        return own
    if len(asked) > 1:
        told = f"X-HTTP-Method-Override says {header} and {METHOD} says {word}: they must be the same"
        raise BadRequest(told, word="bad_parameter", cause=METHOD)
    verb: str = asked.pop()
    if verb != "POST" and verb not in TUNNELLED:
        told = f"a POST can stand for {', '.join(sorted(TUNNELLED))}, not for {verb[:16]}"
        raise BadRequest(told, word="bad_parameter", cause=METHOD if word else "X-HTTP-Method-Override")
    return verb
