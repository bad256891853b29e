"""Roles: what a caller may do inside the account that the tenant rule lets them into.

An administrator (`admin`) may do all that modules offer, in the own account and those below it. A user (`user`) may do
what modules leave to users (`Endpoint.admin_only`), in the own account alone, and with what belongs to them where a
module says by which field (`Endpoint.owner`). Token restrictions come on top, for whatever role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import BadIdentifier, Forbidden, InvalidData
from .filters import Filter, field_at, where
from .routes import ALL, ALL_WRITES

if TYPE_CHECKING:
    from .auth import Principal
    from .context import Context
    from .endpoint import Endpoint
    from .routes import Route
    from .stores import Body, Document

ADMIN, USER = "admin", "user"
_READING = frozenset({"find", "read"})


def role_of(user: Document | None) -> str:
    """The role of who logs in as a user, or as the account itself (None), which is its own administrator.

    All that is not exactly `admin` is a user.
    """
    return ADMIN if user is None or user.data().get("priv_level") == ADMIN else USER


def limited(principal: Principal) -> bool:
    """Whether there is anything to be asked about a caller beyond the tenant rule."""
    return principal.role != ADMIN or principal.restrictions is not None


def confine(ctx: Context, principal: Principal) -> None:
    """Raise Forbidden if role or token rule out what is asked, whatever the path names and whether it is there."""
    bound = ctx.bound
    assert bound is not None, "confine() needs to know what is asked for"
    if principal.role != ADMIN:
        for endpoint, _ in ctx.resolved[:-1]:
            if ALL in endpoint.admin_only or "read" in endpoint.admin_only:
                raise _for_administrators(ctx, endpoint, "read")
        if _is_for_administrators(bound.endpoint, bound.route):
            raise _for_administrators(ctx, bound.endpoint, bound.route.name)
    if principal.restrictions is not None and not bound.endpoint.public:
        last, args = ctx.resolved[-1]
        verb = "GET" if ctx.scope.get("type") == "websocket" else bound.verb
        if not principal.restrictions.allow(last.name, args, verb, _account(ctx), principal.account_id):
            raise Forbidden(cause="access denied by token restrictions")


def refuse_foreign(ctx: Context, endpoint: Endpoint, id: str) -> None:
    """Raise what a missing document raises if the one that was found belongs to somebody else."""
    if ctx.found is not None and not owned(ctx, endpoint.owner, ctx.found):
        raise BadIdentifier(cause=id)


def own(ctx: Context, field: str) -> tuple[Filter, ...]:
    """Filters that keep what belongs to the caller by a field; none for an administrator, or without a field."""
    owner = _owner(ctx) if field else None
    return () if owner is None else (where(field, owner),)


def own_of_kind(ctx: Context, kind: str) -> tuple[Filter, ...]:
    """Filters that keep what belongs to the caller among the documents of a kind, as its endpoint says."""
    endpoint = ctx.bound.endpoint if ctx.bound is not None else None
    # NOTE: of endpoints that share a kind, one may be out of order; its documents belong to whom they belonged to.
    if getattr(endpoint, "kind", None) != kind:
        endpoint = ctx.registry.names.get(kind)
    return own(ctx, endpoint.owner) if endpoint is not None else ()


def owned(ctx: Context, field: str, document: Document) -> bool:
    """Whether a document belongs to the caller by a field; any does to an administrator, or without a field."""
    owner = _owner(ctx) if field else None
    if owner is None or (field == "id" and document.id == owner):
        return True
    return field != "id" and field_at(document.data(), tuple(field.split("."))) == owner


def kept_fields(ctx: Context, endpoint: Endpoint, body: Body) -> list[tuple[tuple[str, ...], Any]]:
    """What a user's body is to have whatever it says, as paths and values: its owner, and what is not theirs to change.

    Forbidden if the body names another owner, InvalidData if it changes what only administrators change.
    """
    owner = _owner(ctx)
    if owner is None:
        return []
    found = ctx.found.data() if ctx.found is not None else {}
    kept: list[tuple[tuple[str, ...], Any]] = []
    for field in endpoint.admin_fields:
        path = _path(field, body)
        here, there = field_at(body, path), field_at(found, path)
        if here != there and (here is not None or _is_null(ctx.body, path)):
            raise InvalidData(field, "forbidden", "only administrators of the account may set this", value=here)
        if there is not None:
            kept.append((path, there))
    if endpoint.owner == "id":
        if ctx.found is None:
            raise _for_administrators(ctx, endpoint, "create")
    elif endpoint.owner:
        path = _path(endpoint.owner, body)
        if field_at(body, path) not in (None, owner):
            raise Forbidden("the owner can only be yourself: leave it out", cause=field_at(body, path))
        kept.append((path, owner))
    return kept


def _is_null(body: Body, path: tuple[str, ...]) -> bool:
    """Whether a body says that there is no value at a path, and not just nothing of it."""
    above = field_at(body, path[:-1])
    return isinstance(above, dict) and path[-1] in above and above[path[-1]] is None


def _is_for_administrators(endpoint: Endpoint, route: Route) -> bool:
    """Whether an endpoint keeps one of its routes for administrators."""
    names = endpoint.admin_only
    reads = route.operation in _READING or (route.operation is None and route.verb == "GET")
    return route.name in names or ALL in names or (ALL_WRITES in names and not reads)


def _for_administrators(ctx: Context, endpoint: Endpoint, operation: str) -> Forbidden:
    noun = ctx.dialect.word(endpoint.name)
    return Forbidden(f"only administrators of the account (privilege level admin) may use {operation} of {noun}")


def _owner(ctx: Context) -> str | None:
    """The id to which documents must belong for the caller to see them, None for an administrator, who sees all."""
    principal = ctx.principal
    if principal is not None and principal.role == ADMIN:
        return None
    if principal is None or not principal.user_id:
        raise Forbidden("documents that belong to users are for users: log in as one")
    return principal.user_id


def _account(ctx: Context) -> str | None:
    """The account that the path leads into, before anybody has looked whether there is one."""
    account = None
    last = len(ctx.resolved) - 1
    for position, (endpoint, args) in enumerate(ctx.resolved):
        if position == last and ctx.bound is not None:
            args = ctx.args[: ctx.bound.leading]
        if endpoint.tenants and args:
            account = args[0]
    return account


def _path(field: str, body: Body) -> tuple[str, ...]:
    """The path of a dotted field; InvalidData if the body has something else where an object must be on the way."""
    path = tuple(field.split("."))
    for length, key in enumerate(path[:-1], 1):
        if key not in body:
            break
        body = body[key]
        if not isinstance(body, dict):
            raise InvalidData(".".join(path[:length]), "type", "Value did not match type(s): object", target="object")
    return path
