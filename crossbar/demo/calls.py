"""The calls of the demo data: call detail records, one for each leg, in the order of time.

PERF: a benchmark asks for a million of them. What repeats is made once: the texts of an hour, of the seconds within an
hour, and of each party; a leg then costs one dict, one `orjson.dumps` and one Document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from math import ceil
from random import Random
from typing import Any, NamedTuple

import orjson

from ..dates import gregorian
from ..stores import Document
from .office import Office, Phone
from .recipe import Recipe
from .tree import pick

HOUR = 3600
LONGEST = 1800
MONTH = 2_629_746  # seconds in a twelfth of a year

# NOTE: not strftime, which writes in the language of the machine.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = tuple(f"{second // 60:02d}:{second % 60:02d}" for second in range(HOUR))

_HEAD = orjson.dumps({"head": True})


class Hour(NamedTuple):
    """One hour in which calls begin, and its texts; `edge` is the part of all calls that begin before its end."""

    start: int
    edge: float
    month: str
    date: str
    stamp: str


class Party(NamedTuple):
    """One side of a call as the records show it, with the user and the device behind it."""

    name: str
    number: str
    address: str
    owner_id: str = ""
    device_id: str = ""


class Desk(NamedTuple):
    """A person at a phone, as seen from inside the account and from outside."""

    inner: Party
    outer: Party


class Tariff(NamedTuple):
    """How a leg is billed; the rate is for each minute begun."""

    call_type: str
    rate: float


class Leg(NamedTuple):
    """One leg of a call: who calls whom, whose leg it is, how it is billed, and whether it was answered."""

    direction: str
    caller: Party
    callee: Party
    whose: Party
    tariff: Tariff
    answered: bool = True


_FREE = Tariff("", 0.0)
_FLAT = Tariff("flat_rate", 0.0)
_METERED = (Tariff("per_minute", 0.0125), Tariff("per_minute", 0.02), Tariff("per_minute", 0.085))

# What happens, out of a hundred calls.
_SCENES = (
    *("inbound",) * 32,
    *("outbound",) * 30,
    *("internal",) * 20,
    *("group",) * 6,
    *("missed",) * 8,
    *("voicemail",) * 4,
)
_UNANSWERED = ("NO_ANSWER", "NO_ANSWER", "USER_BUSY", "ORIGINATOR_CANCEL", "NO_USER_RESPONSE")
_ANSWERED = 0.86
_CALLERS = 400


def call_documents(office: Office, recipe: Recipe, hours: Sequence[Hour]) -> Iterator[Document]:
    """The account's call detail records: exactly as many as it is to have, the oldest first."""
    account = office.account
    if not account.records:
        return
    rng = recipe.dice("calls", account.id)
    desks = [_desk(office, phone) for phone in office.phones if phone.owner]
    callers = [_caller(recipe, rng) for _ in range(_CALLERS)]
    written = 0
    for hour in hours:
        due = round(account.records * hour.edge)
        scenes: list[list[Leg]] = []
        while written < due:
            legs = _scene(desks, callers, rng)[: account.records - written]
            scenes.append(legs)
            written += len(legs)
        # Ten seconds before the end, so that no leg of a call begins in the next hour.
        seconds = sorted([int(rng.random() * (HOUR - 10)) for _ in scenes])
        for second, legs in zip(seconds, scenes, strict=True):
            yield from _interaction(account.id, hour, second, legs, rng)


def working_hours(recipe: Recipe, now: int) -> list[Hour]:
    """The hours before `now` in which calls begin, so that even the longest is over by then."""
    end = (now - LONGEST) // HOUR * HOUR
    starts = range((end - recipe.months * MONTH) // HOUR * HOUR, end, HOUR)
    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=start) for start in starts]
    weights = [
        recipe.calls.hours[moment.hour] * (recipe.calls.weekend if moment.weekday() > 4 else 1) for moment in moments
    ]
    sums = list(accumulate(weights))
    return [
        Hour(start, edge / sums[-1], *_texts(moment)) for start, moment, edge in zip(starts, moments, sums, strict=True)
    ]


def _texts(moment: datetime) -> tuple[str, str, str]:
    date = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"
    stamp = f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year:04d}"
    return date[:4] + date[5:7], f"{date} {moment.hour:02d}:", f"{stamp} {moment.hour:02d}:"


def _desk(office: Office, phone: Phone) -> Desk:
    person, realm = phone.owner, office.account.realm
    assert person is not None
    ids = (person.id, phone.id)
    inner = Party(person.name, person.extension, f"{person.extension}@{realm}", *ids)
    number = person.direct or person.extension
    return Desk(inner, Party(person.name, number, f"{number}@{realm}", *ids))


def _caller(recipe: Recipe, rng: Random) -> Party:
    names = recipe.names
    number = f"+1{pick(rng, names.caller_area_codes)}55501{int(rng.random() * 100):02d}"
    return Party(f"{pick(rng, names.first)} {pick(rng, names.last)}", number, f"{number}@carrier.example.com")


def _scene(desks: Sequence[Desk], callers: Sequence[Party], rng: Random) -> list[Leg]:
    """The legs of one call, the one that began it first."""
    scene = _SCENES[int(rng.random() * len(_SCENES))]
    place = int(rng.random() * len(desks))
    inner, outer = desks[place]
    answered = rng.random() < _ANSWERED
    if scene == "internal":
        other = desks[place - 1 - int(rng.random() * (len(desks) - 1))].inner
        return [
            Leg("inbound", inner, other, inner, _FREE, answered),
            Leg("outbound", inner, other, other, _FREE, answered),
        ]
    if scene == "voicemail":
        return [
            Leg("inbound", inner, Party("Voicemail", "*97", f"*97@{inner.address.partition('@')[2]}"), inner, _FREE)
        ]
    caller = callers[int(rng.random() * len(callers))]
    if scene == "outbound":
        tariff = _METERED[int(rng.random() * len(_METERED))]
        return [
            Leg("inbound", inner, caller, inner, _FREE, answered),
            Leg("outbound", outer, caller, outer, tariff, answered),
        ]
    arrival = Leg("inbound", caller, outer, outer, _FLAT, answered and scene != "missed")
    if scene == "missed":
        return [arrival]
    legs = [arrival, Leg("outbound", caller, inner, inner, _FREE, answered)]
    if scene == "group":
        loser = desks[place - 1 - int(rng.random() * (len(desks) - 1))].inner
        legs.append(Leg("outbound", caller, loser, loser, _FREE, answered=False))
    return legs


def _interaction(account_id: str, hour: Hour, second: int, legs: Sequence[Leg], rng: Random) -> Iterator[Document]:
    """The records of one call; all legs but the first begin when the second one does."""
    first = hour.start + second
    interaction_id = f"{gregorian(first)}-{rng.getrandbits(32):08x}"
    calls = [f"{rng.getrandbits(128):032x}" for _ in legs]
    ringing = 1 + int(rng.random() * 24)
    # Most calls are short and few are long.
    chance = rng.random()
    talking = 1 + int(chance * chance * chance * (LONGEST - 60))
    lag = int(rng.random() * 2)
    failure = _UNANSWERED[int(rng.random() * len(_UNANSWERED))]
    for place, leg in enumerate(legs):
        later = lag if place else 0
        clock = _CLOCK[second + later]
        if leg.answered:
            billed, cause = talking, "NORMAL_CLEARING"
        else:
            billed, cause = 0, "LOSE_RACE" if place and legs[0].answered else failure
        rung = max(ringing - later, 0)
        started = first + later
        call_id = calls[place]
        id = f"{hour.month}-{call_id}"
        caller, callee, whose = leg.caller, leg.callee, leg.whose
        rate = leg.tariff.rate
        body: dict[str, Any] = {
            "id": id,
            "call_id": call_id,
            "interaction_id": interaction_id,
            "timestamp": gregorian(started),
            "unix_timestamp": started,
            "datetime": hour.date + clock,
            "iso_8601": hour.date[:10],
            "rfc_1036": f"{hour.stamp}{clock} GMT",
            "direction": leg.direction,
            "caller_id_name": caller.name,
            "caller_id_number": caller.number,
            "callee_id_name": callee.name,
            "callee_id_number": callee.number,
            "calling_from": caller.number,
            "dialed_number": callee.number,
            "from": caller.address,
            "to": callee.address,
            "request": callee.address,
            "duration_seconds": rung + billed,
            "ringing_seconds": rung,
            "billing_seconds": billed,
            "hangup_cause": cause,
            "other_leg_call_id": "" if len(calls) == 1 else calls[0 if place else 1],
            "owner_id": whose.owner_id,
            "authorizing_id": whose.device_id,
            "call_type": leg.tariff.call_type,
            "rate": rate,
            "cost": round(rate * ceil(billed / 60), 4) if rate else 0.0,
        }
        yield Document(account_id, "cdrs", id, orjson.dumps(body), started, started, private=None if place else _HEAD)
