"""Devices of an account, and the live registrations behind them."""

from crossbar import Body, Context, Json, Kind, Query, Reply, Resource, accepted, action


def normal_mac(ctx: Context, body: Body) -> Body:
    """Write a MAC address one way: twelve lower-case hex digits."""
    mac = body.get("mac_address")
    if isinstance(mac, str) and mac:
        body["mac_address"] = "".join(digit for digit in mac.lower() if digit in "0123456789abcdef")
    return body


class Devices(Resource):
    """Phones and softphones of an account."""

    name = "devices"
    schema = "devices"
    summary = ("name", "device_type", "mac_address", "owner_id", "enabled")
    parents = {"users": "owner_id", "extensions": "owner_id"}
    unique = ("mac_address", "sip.username")
    checks = (normal_mac,)
    owner = "owner_id"
    admin_fields = ("call_restriction", "call_recording")

    def kinds(self) -> tuple[Kind, ...]:
        """Devices, and the registrations that a switch keeps for them."""
        return (*super().kinds(), Kind("registrations"))

    @action("GET status")
    async def status(self, ctx: Context) -> Json:
        """The devices that are registered now."""
        found = await ctx.app.store.find(Query(ctx.home(), "registrations", limit=10_000))
        own = self.of_caller(ctx)
        devices = await ctx.app.store.find(Query(ctx.home(), self.name, own, limit=10_000)) if own else ()
        shown = {device.id for device in devices} if own else {registration.id for registration in found}
        return [{"device_id": each.id, "registered": True} for each in found if each.id in shown]

    @action("POST {id}/sync")
    async def sync(self, ctx: Context, id: str) -> Reply:
        """Ask the device to fetch its configuration; the time of the wish is kept for whoever provisions it."""
        device = ctx.document()
        await self.store(ctx, device.with_secrets({**device.secrets(), "sync_requested": ctx.now}))
        return accepted({"message": "sync request sent"})
