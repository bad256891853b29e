"""Stock: how much of each item lies in each warehouse.

A level is one document for an item in a warehouse. Only movements write it, in the same write as themselves.
"""

from collections.abc import Sequence

from crossbar import (
    Answer,
    Change,
    Conflict,
    Context,
    Guard,
    Json,
    Query,
    Resource,
    action,
    before,
    every,
    listing,
    where,
    within,
)

IN_STOCK = where("in_stock", True, private=True)
"""Keeps the levels that are not zero."""


class Stock(Resource):
    """What lies where: `stock`, `items/{id}/stock` and `warehouses/{id}/stock`. Read only; movements change it."""

    name = "stock"
    parents = {"items": "item_id", "warehouses": "warehouse_id"}
    operations = ("find",)

    async def find(self, ctx: Context) -> Answer:
        """The levels that are not zero."""
        return await listing(ctx, self.tenant(ctx), self.name, IN_STOCK, *self.of_parent(ctx))

    @action("GET totals")
    async def totals(self, ctx: Context) -> Json:
        """How much of each item there is, in all the warehouses that the path and the filters leave."""
        totals: dict[str, int] = {}
        async for levels in every(ctx, self.tenant(ctx), self.name, IN_STOCK, *self.of_parent(ctx)):
            for level in levels.parsed():
                totals[level["item_id"]] = totals.get(level["item_id"], 0) + level["quantity"]
        return [{"item_id": item_id, "quantity": quantity} for item_id, quantity in totals.items()]

    @before("items.delete", "warehouses.delete")
    async def refuse_while_in_stock(self, ctx: Context) -> None:
        """Keep an item that lies somewhere, and a warehouse that holds something."""
        for level in await ctx.app.store.find(self._left(ctx)):
            facts = level.data()
            told = f"{facts['quantity']} of item {facts['item_id']} in warehouse {facts['warehouse_id']}: move it first"
            raise Conflict(told, word="in_stock")

    @within("items.delete", "warehouses.delete")
    async def refuse_what_has_just_arrived(self, ctx: Context, changes: Sequence[Change]) -> Sequence[Change]:
        """Ask once more in the write that deletes, since a movement may have come in after the question before.

        Movements guard the other side: they are written only while their item and warehouse are there. So of a
        movement and a deletion at the same moment, one fails.
        """
        return [Guard(self._left(ctx), finds=False)]

    def _left(self, ctx: Context) -> Query:
        """Asks what is left of the item, or in the warehouse, that is about to be deleted."""
        found = ctx.document()
        return Query(found.tenant, self.name, (where(self.parents[found.kind], found.id), IN_STOCK), limit=1)
