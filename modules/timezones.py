"""Time zones: those of the tz database, by which documents say when something is meant."""

import asyncio
import zoneinfo
from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from crossbar import BadIdentifier, BadRequest, Body, Context, Endpoint, Page, Unavailable

# What the names of a system have beside those of zones.
_NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})
_MINUTE = 60


@cache
def zones() -> Mapping[str, zoneinfo.ZoneInfo]:
    """All zones by name, in the order of their names; Unavailable, which is not remembered, if there are none."""
    found = sorted(zoneinfo.available_timezones() - _NO_ZONES)
    if not found:
        raise Unavailable("this server has no time zones: its operator must install the package tzdata")
    return {name: zoneinfo.ZoneInfo(name) for name in found}


def shown(name: str, zone: zoneinfo.ZoneInfo, at: datetime) -> Body:
    """A zone as a client sees it: its name, and what its clocks show at that time."""
    there = at.astimezone(zone)
    offset = there.utcoffset()
    seconds = int(offset.total_seconds()) if offset is not None else 0
    return {"id": name, "name": name, "offset": seconds, "abbreviation": there.tzname()}


class Timezones(Endpoint):
    """Time zones by name, each with the seconds that it is ahead of UTC now; the same for everybody."""

    name = "timezones"
    anywhere = True

    def __init__(self) -> None:
        self._rows: tuple[int, list[Body]] = (-1, [])

    async def find(self, ctx: Context) -> Page:
        """All zones in the order of their names, or a page of them if the client asks for pages."""
        page = ctx.listing().page
        start = ctx.start() if page.number is None else None
        rows = await self._all(ctx)
        if page.number is not None and page.number < 1:
            raise BadRequest("pages are counted from 1", word="bad_page", cause=page.number)
        if page.number is not None:
            first = (page.number - 1) * page.size
        elif page.asked and page.paginate:
            first = bisect_left(rows, start, key=lambda row: str(row["id"])) if start is not None else 0
        else:
            return Page.of(rows)
        some, after = rows[first : first + page.size], rows[first + page.size : first + page.size + 1]
        cut = Page.of(some, after[0]["id"] if after else None, some[0]["id"] if some else None)
        return cut._replace(total=len(rows)) if page.number is not None else cut

    async def read(self, ctx: Context, area: str, *place: str) -> Body:
        """One zone. The slashes in its name may be encoded or not: `Europe%2FBerlin` is `Europe/Berlin`."""
        name = "/".join((area, *place))
        zone = (await _zones()).get(name)
        if zone is None:
            raise BadIdentifier(cause=name)
        return shown(name, zone, datetime.fromtimestamp(ctx.now, UTC))

    async def _all(self, ctx: Context) -> list[Body]:
        """All zones as they are in the present minute."""
        found = await _zones()
        # PERF: offsets change on full minutes, and six hundred of them take some milliseconds.
        minute = ctx.now // _MINUTE
        if self._rows[0] != minute:
            at = datetime.fromtimestamp(minute * _MINUTE, UTC)
            self._rows = (minute, [shown(name, zone, at) for name, zone in found.items()])
        return self._rows[1]


async def _zones() -> Mapping[str, zoneinfo.ZoneInfo]:
    # NOTE: the first one to ask has hundreds of files read.
    return zones() if zones.cache_info().currsize else await asyncio.to_thread(zones)
