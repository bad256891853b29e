"""Movements: what came into a warehouse and what left it. They are written once and never changed."""

from datetime import UTC, datetime

from crossbar import Answer, Body, Context, InvalidData, Options, Reply, Resource, action, created

from .levels import book


class MovementOptions(Options, frozen=True):
    """What `[plugins.movements]` in the configuration may say."""

    allow_negative: bool = False
    """Whether more may leave a warehouse than is there, for those who book first and count later."""


def with_time(ctx: Context, body: Body) -> Body:
    """Say in the movement itself when it happened, so that listings and CSV show it."""
    body["time"] = datetime.fromtimestamp(ctx.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return body


class Movements(Resource):
    """Stock movements. Whoever was wrong makes another one, with the reason `count`."""

    name = "movements"
    schema = "movements"
    parents = {"items": "item_id", "warehouses": "warehouse_id"}
    operations = ("find", "create", "read")
    checks = (with_time,)
    options = MovementOptions()

    async def create(self, ctx: Context) -> Answer:
        """Book the body."""
        movement = self.made(ctx, ctx.body)
        await book(ctx, [movement], allow_negative=self.options.allow_negative)
        return movement

    @action("POST transfer")
    async def transfer(self, ctx: Context) -> Reply:
        """Take an item out of one warehouse and put it into another, both or neither."""
        wanted = self._transfer(ctx)
        movements = []
        for end, sign in (("from_warehouse_id", -1), ("to_warehouse_id", 1)):
            facts = {
                "item_id": wanted["item_id"],
                "warehouse_id": wanted[end],
                "quantity": sign * wanted["quantity"],
                "reason": "transfer",
                "note": wanted["note"],
            }
            movements.append(self.made(ctx, with_time(ctx, facts)))
        await book(ctx, movements, allow_negative=self.options.allow_negative)
        return created([movement.data() for movement in movements])

    def _transfer(self, ctx: Context) -> Body:
        """The body as a transfer, from the warehouse and of the item that the path names, if it names one."""
        wanted = ctx.body
        for noun, field in (("warehouses", "from_warehouse_id"), ("items", "item_id")):
            if noun in ctx.parents:
                wanted[field] = ctx.parents[noun].id
        violations = ctx.app.schemas.compiled("transfers").check(wanted)
        if violations:
            raise InvalidData(violations)
        if wanted["from_warehouse_id"] == wanted["to_warehouse_id"]:
            told = "an item goes from one warehouse to another one"
            raise InvalidData("to_warehouse_id", "different", told, value=wanted["to_warehouse_id"])
        return wanted
