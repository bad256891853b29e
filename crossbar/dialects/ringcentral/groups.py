"""Usage groups: requests that RingCentral counts together (reference, A.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...fields import Fields
from ...limits.buckets import Charge

if TYPE_CHECKING:
    from ...context import Context

USUAL = "medium"
PREFIX = "ringcentral_"
"""What the names of the groups begin with in the settings, where other groups have names too."""


def usage_group(charge: Charge) -> str:
    """What clients call the group that a request was counted in; what leads nowhere is in the usual one."""
    name = charge.group.name
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else USUAL


def header_fields(ctx: Context) -> Fields:
    """What every response carries: the request's id under both names, and what is left in its usage group."""
    id = ctx.request_id.encode()
    fields = [(b"rcrequestid", id), (b"x-request-id", id)]
    charge = ctx.charge
    if charge is not None:
        fields += [
            (b"x-rate-limit-group", usage_group(charge).encode()),
            (b"x-rate-limit-limit", b"%d" % charge.limit),
            (b"x-rate-limit-remaining", b"%d" % charge.remaining),
            (b"x-rate-limit-window", b"%d" % charge.window),
        ]
    return fields
