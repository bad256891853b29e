"""A store made ready for the kinds of an application, or looked at: what `crossbar store` does, by sort of store."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..app import Crossbar
from ..auth import KINDS
from ..errors import CrossbarError
from ..transfer.progress import Progress
from .moving import Meter
from .output import Failure, shown

if TYPE_CHECKING:
    from ..stores.mongo.overview import Overview, Place
    from ..stores.sqlite import SqliteStore


class Told(NamedTuple):
    """A table or collection, what is to be said of it, and whether it is as it should be now."""

    name: str
    told: str
    ok: bool


@dataclass(slots=True)
class Prepared:
    """What was found or done; `sharding` are lines for mongosh."""

    store: str
    made: bool
    facts: dict[str, str] = field(default_factory=dict)
    places: list[Told] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sharding: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong or missing; doubts and notes are none of that."""
        return not self.faults and all(place.ok for place in self.places)

    @property
    def outcome(self) -> str:
        """The last line: whether all is well, and what to do if not."""
        if self.ok:
            return "all is there"
        lacking = 0 if self.made else sum(not place.ok for place in self.places)
        told = [f"{len(self.faults)} wrong"] if self.faults else []
        return "; ".join(
            [*told, *([f"{lacking} to be made: run `crossbar store init` with the same options"] if lacking else [])]
        )

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        made = asdict(self)
        del made["made"]
        return {"ok": self.ok, **made, "places": [place._asdict() for place in self.places]}


_OTHER = "is for another form of its kind"


async def prepared(app: Crossbar, *, make: bool, sharding: bool, renew: bool = False) -> Prepared:
    """What there is in the store of an application that is not started, or with `make` what was made in it.

    With `renew` a MongoDB also has written anew what its records are found by. Failure if it cannot be used at all.
    """
    found = Prepared(shown(app.settings.store.url), make)
    try:
        match app.settings.store.url.partition(":")[0]:
            case "memory":
                found.facts["memory"] = "made by each process for itself, and gone with it: nothing to do"
            case "sqlite":
                await _sqlite(app, found)
            case "mongodb" | "mongodb+srv":
                await _mongo(app, found, sharding, renew)
            case _:
                await _other(app, found)
    except CrossbarError as error:
        raise Failure(shown(str(error))) from None
    finally:
        await app.store.close()
    return found


async def _other(app: Crossbar, found: Prepared) -> None:
    """A plugin's store, of which nothing is known but the port."""
    await app.store.open(app.kinds() if found.made else [])
    found.facts["health"] = await app.store.health()
    if not found.made:
        found.notes.append("only a store of Crossbar's own can say what it lacks")


async def _sqlite(app: Crossbar, found: Prepared) -> None:
    from ..stores.sqlite.overview import forms

    store: SqliteStore = app.store  # type: ignore[assignment]
    kinds = app.kinds()
    there, fit = store.path.exists(), forms(store.path, kinds)
    found.facts["file"] = f"{store.path}, {'there already' if there else 'made' if found.made else 'not there yet'}"
    if found.made:
        await store.open(kinds)
    for kind in kinds:
        name, right = f"d_{kind.name}", fit.get(kind.name)
        if right:
            found.places.append(Told(name, "already right" if found.made else "in order", True))
        elif found.made:
            found.places.append(Told(name, "made" if right is None else "brought up to date", True))
        else:
            found.places.append(Told(name, "is not there" if right is None else _OTHER, False))


async def _mongo(app: Crossbar, found: Prepared, sharding: bool, renew: bool) -> None:
    from ..stores.mongo.address import address_of
    from ..stores.mongo.connection import Connection, told
    from ..stores.mongo.layout import Shelf
    from ..stores.mongo.overview import look, make
    from ..stores.mongo.sharding import advice

    settings, kinds = app.settings.store, app.kinds()
    connection = Connection(address_of(settings.url, settings.mongodb), settings.mongodb)
    meter = Meter(quiet=False)
    try:
        await connection.begin()
        with told(connection.address.name):
            if found.made:
                seen = await make(
                    connection,
                    kinds,
                    int(time.time()),
                    renew=renew,
                    tell=lambda kind, done, total: meter(Progress("init", kind, done, total, None)),
                )
            else:
                seen = await look(connection, kinds)
    finally:
        meter.end()
        await connection.close()
    _take(found, seen, renew)
    if seen.sharded or sharding:
        whole = {kind.name for kind in KINDS}
        found.sharding = advice(connection.address.database, map(Shelf, kinds), whole)
    else:
        found.facts["sharding"] = "none here; --sharding prints what a sharded cluster needs"


def _take(found: Prepared, seen: Overview, renew: bool) -> None:
    found.facts |= seen.facts
    found.faults += map(shown, seen.faults)
    found.doubts += seen.doubts
    found.notes += seen.notes
    if renew:
        found.notes.append("what all records are found by was written anew")
    for place in seen.places:
        done = found.made and place.name not in seen.failed
        found.places.append(Told(place.name, _done(place) if done else _lacks(place), done or place.ok))


def _done(place: Place) -> str:
    if place.ok:
        return "already right"
    if not place.there:
        count = len(place.indexes)
        return f"made, with {count} {'index' if count == 1 else 'indexes'}" if count else "made"
    told = [f"index {name!r} {what}" for name, what in place.indexes]
    return "; ".join([*told, *(["brought up to date"] if place.behind else [])])


_WORDS = {"made": "lacks the index", "made anew": "has another index", "dropped": "does not need the index"}


def _lacks(place: Place) -> str:
    if place.ok:
        return "in order"
    if not place.there:
        return "is not there"
    told = [f"{_WORDS[what]} {name!r}" for name, what in place.indexes]
    return "; ".join([*told, *([_OTHER] if place.behind else [])])
