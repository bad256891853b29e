"""Header fields of which an upstream could read something else than we do: those sent twice, or for us alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import BadRequest

if TYPE_CHECKING:
    from ..context import Context

_CONNECTION = b"connection"


def refuse_unclear(ctx: Context, conditions: frozenset[bytes]) -> None:
    """Raise BadRequest for a field among the conditions of routes that is sent twice, or that `Connection` names.

    We would choose the route by the last of them, or by what is not sent on at all (RFC 9110, 5.3 and 7.6.1).
    """
    # PERF: most tables have no conditions.
    if not conditions:
        return
    headers = ctx.scope["headers"]
    if len(ctx.headers) != len(headers):
        names = [name for name, _ in headers if name in conditions]
        if len(names) != len(set(names)):
            raise BadRequest("a field by which routes are chosen stands in the request twice", word="bad_header")
    if _CONNECTION in ctx.headers:
        named = b",".join([value for name, value in headers if name == _CONNECTION])
        if not conditions.isdisjoint([each.strip().lower() for each in named.split(b",")]):
            raise BadRequest("Connection names a field by which routes are chosen", word="bad_header")


def refuse_two_credentials(ctx: Context, fields: Iterable[bytes]) -> None:
    """Raise BadRequest for one of these fields with different values: each could say who asks."""
    headers = ctx.scope["headers"]
    for field in fields:
        if len({value for name, value in headers if name == field}) > 1:
            raise BadRequest(f"{field.decode()} stands in the request more than once", word="bad_header")
