"""One change for each of many messages, and of each whether it was done."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice

from crossbar import BadIdentifier, Body, Change, Conflict, Context, Document, Guard, InvalidData, write

Load = Callable[[str], Awaitable[Document | None]]
"""Gives the message with an id, None if there is none for the caller."""

INVALID = "invalid"
_AT_ONCE = 100
_LOADED_AT_ONCE = 10
_TRIES = 4


async def each(
    ctx: Context, ids: Iterable[str], load: Load, change: Callable[[Document], Change], guards: Sequence[Guard] = ()
) -> Body:
    """Carry out a change of each message, and say which `succeeded` and which `failed`, by id, with the reason.

    The reasons are `not_found`; `invalid`, where the change raises InvalidData because messages of that type cannot be
    changed so; and `conflict` where somebody else was always faster. An id that is there twice counts once. Many are
    written together; only where that fails, one by one.
    """
    succeeded: list[str] = []
    failed: list[Body] = []
    for some in _batches(ids, _AT_ONCE):
        loaded = [each for few in _batches(some, _LOADED_AT_ONCE) for each in await asyncio.gather(*map(load, few))]
        reasons: dict[str, str | None] = dict.fromkeys(some, "not_found")
        changes: dict[str, Change] = {}
        for message in loaded:
            if message is None:
                continue
            try:
                changes[message.id] = change(message)
            except InvalidData:
                reasons[message.id] = INVALID
        try:
            await write(ctx, *guards, *changes.values())
            reasons |= dict.fromkeys(changes)
        except (Conflict, BadIdentifier):
            # NOTE: somebody else has changed one of them meanwhile; the others shall not suffer from that.
            for id in changes:
                reasons[id] = await _alone(ctx, id, load, change, guards)
        for id, reason in reasons.items():
            if reason is None:
                succeeded.append(id)
            else:
                failed.append({id: reason})
    return {"succeeded": succeeded, "failed": failed}


async def _alone(
    ctx: Context, id: str, load: Load, change: Callable[[Document], Change], guards: Sequence[Guard]
) -> str | None:
    """Change one message, which others may be changing too; why it cannot be done, None if it was."""
    for _ in range(_TRIES):
        message = await load(id)
        if message is None:
            return "not_found"
        try:
            await write(ctx, *guards, change(message))
            return None
        except (Conflict, BadIdentifier):
            continue
    return "conflict"


def _batches(ids: Iterable[str], count: int) -> Iterator[list[str]]:
    """The ids, each once, so many at a time."""
    remaining = iter(dict.fromkeys(ids))
    while some := list(islice(remaining, count)):
        yield some
