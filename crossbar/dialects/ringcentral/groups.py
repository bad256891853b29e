"""Usage groups: requests that RingCentral counts together (reference, A.8)."""

from __future__ import annotations

from ...limits.buckets import Charge

PREFIX = "ringcentral_"
"""What the names of the groups begin with in the settings, where other groups have names too."""


def usage_group(charge: Charge) -> str:
    """What clients call the group that a request was counted in."""
    return charge.group.name.removeprefix(PREFIX)
