"""Items: what lies in warehouses."""

from crossbar import Body, Context, Resource


def normal_sku(ctx: Context, body: Body) -> Body:
    """Write an SKU one way, so that `bolt-m8` and `BOLT-M8` cannot be two items."""
    body["sku"] = body["sku"].upper()
    return body


class Items(Resource):
    """Things that can be in stock, told apart by their SKU."""

    name = "items"
    schema = "items"
    summary = ("sku", "name", "unit")
    unique = ("sku",)
    indexes = ("id",)  # a movement asks, in the write itself, whether its item is still there
    checks = (normal_sku,)
