"""Warehouses: where items lie."""

from crossbar import Resource


class Warehouses(Resource):
    """Places that hold stock."""

    name = "warehouses"
    schema = "warehouses"
    summary = ("name", "city")
    unique = ("name",)
    indexes = ("id",)  # a movement asks, in the write itself, whether its warehouse is still there
