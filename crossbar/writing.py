"""Writing documents: changes carried out together with those that hooks add, refusals in the client's terms."""

from __future__ import annotations

from collections.abc import Iterable

from .context import Context
from .errors import (
    BadIdentifier,
    Changed,
    Conflict,
    DocumentMissing,
    GuardFailed,
    InvalidData,
    RevisionConflict,
    UniqueConflict,
)
from .filters import field_at
from .stores import Change, Delete, Document, Guard, Insert, Replace


async def write(ctx: Context, *changes: Change) -> list[Document | None]:
    """Carry out changes together, with those that hooks add; the store's refusals become the client's.

    The documents as they now stand, None for a Delete or a Guard, as with `Store.write`.
    """
    hooks = ctx.registry.hooks
    added = await hooks.within(ctx, ctx.bound, changes) if hooks is not None and ctx.bound is not None else []
    try:
        if ctx.once is not None:
            # NOTE: the record comes first, so that of two requests with one key the second fails for that and nothing
            # else.
            claim = ctx.once.claim(ctx, changes)
            written = (await ctx.app.store.write([*claim, *changes, *added]))[len(claim) :]
            ctx.once.claimed = ctx.once.claimed or bool(claim)
        else:
            written = await ctx.app.store.write([*changes, *added] if added else changes)
        return written[: len(changes)] if added else written
    except UniqueConflict as conflict:
        # NOTE: the client can do nothing about what a hook has added, and has not sent it.
        if conflict.kind not in _kinds_in(changes):
            raise
        field = conflict.field
        value = field_at(ctx.body, tuple(field.split(".")))
        raise InvalidData(field, "unique", f"the {field} is already in use", cause=value, value=value) from None
    except GuardFailed as failed:
        if isinstance(failed.guard, Guard) and failed.guard.told:
            raise Conflict(failed.guard.told) from failed
        raise
    except RevisionConflict:
        raise Changed from None
    except DocumentMissing as missing:
        if missing.kind not in _kinds_in(changes):
            raise
        raise BadIdentifier(cause=missing.id) from None


def _kinds_in(changes: Iterable[Change]) -> set[str]:
    """The kinds of document that are changed."""
    changed = (each.document if isinstance(each, Insert | Replace) else each for each in changes)
    return {each.kind for each in changed if isinstance(each, Document | Delete)}
