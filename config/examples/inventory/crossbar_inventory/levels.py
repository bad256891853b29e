"""Levels: how a movement changes what lies in a warehouse, correct whoever else moves the same item at the same moment.

Nothing is locked. A movement is worked out from what is there, and written only if that is still so: its item and
warehouse are there, and the level is at the revision that was read. If not, it is worked out again.
"""

import asyncio
import random
from collections.abc import Sequence

from crossbar import (
    Body,
    Change,
    Conflict,
    Context,
    Document,
    Guard,
    GuardFailed,
    Insert,
    InvalidData,
    Query,
    Replace,
    Unavailable,
    where,
    write,
)

ATTEMPTS = 10
LONGEST_PAUSE = 0.1


async def book(ctx: Context, movements: Sequence[Document], *, allow_negative: bool) -> None:
    """Write movements, and the levels that they lead to, together or not at all; no level may be moved twice.

    Refuses with what is wrong with a movement, or with 503 if others were faster `ATTEMPTS` times.
    """
    for attempt in range(ATTEMPTS):
        changes: list[Change] = [Insert(movement) for movement in movements]
        for movement in movements:
            changes += await _level(ctx, movement.data(), allow_negative=allow_negative)
        try:
            await write(ctx, *changes)
            return
        except (Conflict, GuardFailed):
            # Who waits for a time of their own does not meet the same others again.
            await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.002 * 2**attempt)))  # noqa: S311
    raise Unavailable("many others are moving this item just now; try again", word="stock_busy", retry=1)


async def _level(ctx: Context, movement: Body, *, allow_negative: bool) -> list[Change]:
    """The changes that a movement makes to its level, and the conditions under which they are right."""
    store, tenant = ctx.app.store, ctx.home()
    item_id, warehouse_id, moved = movement["item_id"], movement["warehouse_id"], movement["quantity"]
    conditions: list[Change] = []
    for noun, field, id in (("items", "item_id", item_id), ("warehouses", "warehouse_id", warehouse_id)):
        if await store.get(tenant, noun, id) is None:
            raise InvalidData(field, "not_found", f"none of the {noun} has this id", value=id)
        conditions.append(Guard(Query(tenant, noun, (where("id", id),))))

    level = await store.get(tenant, "stock", f"{item_id}-{warehouse_id}")
    there = level.data()["quantity"] if level is not None else 0
    left = there + moved
    if moved < 0 and left < 0 and not allow_negative:
        told = f"there are {there} in the warehouse, not {-moved}"
        raise Conflict(told, word="insufficient_stock", details={"available": there})

    body = {"item_id": item_id, "warehouse_id": warehouse_id, "quantity": left}
    private = {"in_stock": left != 0}
    if level is not None:
        return [*conditions, Replace(level.with_data(body).with_secrets(private))]
    nobody_was_faster = Query(tenant, "stock", (where("item_id", item_id), where("warehouse_id", warehouse_id)))
    first = Document.of(tenant, "stock", f"{item_id}-{warehouse_id}", body, ctx.now, private)
    return [*conditions, Guard(nobody_was_faster, finds=False), Insert(first)]
