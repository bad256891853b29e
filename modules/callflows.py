"""Callflows: what happens to a call to one of an account's numbers."""

from crossbar import Resource


class Callflows(Resource):
    """Trees of actions, entered by number or pattern."""

    name = "callflows"
    schema = "callflows"
    summary = ("name", "numbers", "patterns", "featurecode", "owner_id", "type")
    indexes = ("owner_id",)
    admin_only = ("writes",)
