"""The limits of a route: how often a consumer, an address, or everybody together may ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import TooManyRequests
from ..limits.admission import address_of
from ..limits.buckets import PERIODS, SECOND, Charge, Group, Quota, Table

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched

_PERIODS = {"s": "second", "min": "minute", "h": "hour", "day": "day"}
_NARROWEST_FIRST = ("consumer", "address", "route")


class Limit(NamedTuple):
    """One limit: its bucket, where the counts of a route are kept, and by whom they are counted."""

    group: Group
    stem: str
    by: str


def limits_of(route: str, texts: Sequence[str]) -> tuple[Limit, ...]:
    """The limits of a route, such as `100/min per consumer`: 100 at once, and 100 more in each minute.

    What one caller is refused by comes before what all share, and the shorter time before the longer: nobody uses up
    what is everybody's with requests that are refused.
    """
    found = []
    for text in dict.fromkeys(texts):
        rate, _, by = text.partition(" per ")
        count, _, period = rate.partition("/")
        name = by if sum(each.endswith(by) for each in texts) == 1 else f"{by}-{period}"
        quota = Quota(int(count), int(count), PERIODS[_PERIODS[period]])
        found.append(Limit(Group(name, quota), f"route {route} {text} ", by))
    return tuple(sorted(found, key=lambda limit: (_NARROWEST_FIRST.index(limit.by), limit.group.quota.window)))


def take(ctx: Context, matched: Matched, limits: Sequence[Limit], table: Table) -> None:
    """Count a request in every limit; TooManyRequests if one of them is used up, and what is least left in `charge`."""
    least = ctx.charge
    for group, stem, by in limits:
        who = matched.consumer if by == "consumer" else ""
        if by != "route" and not who:
            who = address_of(ctx)
        quota = group.quota
        full_at, admitted, now = table.take(stem + who, quota, 1)
        left = full_at - now
        charge = Charge(group, int(admitted), quota.left(full_at, now), -(-left // SECOND) if left > 0 else 0)
        if not admitted:
            ctx.charge = charge
            raise TooManyRequests(retry=quota.wait(full_at, 1, now))
        if least is None or charge.remaining < least.remaining:
            least = charge
    ctx.charge = least
