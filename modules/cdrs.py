"""Call detail records: what happened in calls, newest first. Read only; switches write them."""

from typing import Any

from crossbar import Answer, Context, Json, Resource, action, every, listing, where


class Cdrs(Resource):
    """Records of call legs. The legs of one call share an `interaction_id`."""

    name = "cdrs"
    schema = "cdrs"
    parents = {"users": "owner_id", "extensions": "owner_id"}
    chunked = True
    indexes = ("interaction_id",)
    private_indexes = ("head",)
    operations = ("find", "read")
    owner = "owner_id"

    @action("GET interaction")
    async def interaction(self, ctx: Context) -> Answer:
        """One record for each call: its first leg."""
        return await listing(ctx, self.tenant(ctx), self.name, where("head", True, private=True), *self.of_parent(ctx))

    @action("GET legs/{interaction_id}")
    async def legs(self, ctx: Context, interaction_id: str) -> Answer:
        """All legs of one call, by its interaction id or by the id of one of its legs."""
        leg = await ctx.app.store.get(self.tenant(ctx), self.name, interaction_id)
        if leg is not None and self.owned(ctx, leg):
            interaction_id = leg.data().get("interaction_id", "")
        return await listing(ctx, self.tenant(ctx), self.name, where("interaction_id", interaction_id))

    @action("GET summary")
    async def summary_of_calls(self, ctx: Context) -> Json:
        """How many legs, how many seconds, in which direction, and how they ended; all that the filters leave."""
        totals: dict[str, Any] = {"count": 0, "duration_seconds": 0, "billing_seconds": 0}
        directions: dict[str, int] = {}
        causes: dict[str, int] = {}
        async for rows in every(ctx, self.tenant(ctx), self.name, *self.of_parent(ctx)):
            for row in rows.parsed():
                totals["count"] += 1
                totals["duration_seconds"] += int(row.get("duration_seconds") or 0)
                totals["billing_seconds"] += int(row.get("billing_seconds") or 0)
                for counts, key in ((directions, "direction"), (causes, "hangup_cause")):
                    value = str(row.get(key) or "unknown")
                    counts[value] = counts.get(value, 0) + 1
        return totals | {"directions": directions, "hangup_causes": causes}
