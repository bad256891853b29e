"""The recipe of the demo data, read from TOML: how many of what, from which names."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from random import Random
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..errors import SettingsError

Count = Annotated[int, Meta(ge=0)]
Part = Annotated[float, Meta(ge=0, le=1)]
Texts = Annotated[tuple[str, ...], Meta(min_length=1)]
Hours = Annotated[tuple[Annotated[float, Meta(ge=0)], ...], Meta(min_length=24, max_length=24)]
AreaCodes = Annotated[tuple[Annotated[str, Meta(pattern="^[2-9][0-9]{2}$")], ...], Meta(min_length=1)]


class Level(Struct, frozen=True, forbid_unknown_fields=True):
    """What the accounts of one level of the tree have, all of them together."""

    count: Count
    users: Count
    devices: Count
    callflows: Count
    share: Part
    slope: Annotated[float, Meta(ge=0, le=3)] = 0.0

    def __post_init__(self) -> None:
        if min(self.users, self.devices, self.callflows) < self.count:
            raise ValueError(f"{self.count} accounts need as many users, devices and callflows, one for each")


class Calls(Struct, frozen=True, forbid_unknown_fields=True):
    """How calls are spread over a day and a week."""

    hours: Hours
    weekend: Part

    def __post_init__(self) -> None:
        if not any(self.hours):
            raise ValueError("calls.hours must leave at least one hour of the day for calls")


class Media(Struct, frozen=True, forbid_unknown_fields=True):
    """How much there is in the demo account that has a file; other accounts have none."""

    voicemails: Count = 0
    faxes: Count = 0
    texts: Count = 0
    photos: Count = 0
    recordings: Count = 0


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """What accounts, people, rooms and groups are called, and the area codes of numbers."""

    resellers: Texts
    customers: Texts
    departments: Texts
    groups: Texts
    rooms: Texts
    first: Texts
    last: Texts
    area_codes: AreaCodes
    caller_area_codes: AreaCodes
    timezones: Texts
    languages: Texts


class Recipe(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides about the demo data, beside the time; `config/demo.toml` says what each key means."""

    seed: int
    months: Annotated[int, Meta(ge=1, le=120)]
    records: Count
    records_in_master: bool
    registered: Part
    master: Level
    resellers: Level
    customers: Level
    departments: Level
    calls: Calls
    names: Names
    media: Media = Media()

    def __post_init__(self) -> None:
        if self.master.count != 1:
            raise ValueError("there is one master account, so master.count is 1")
        if (self.customers.count and not self.resellers.count) or (self.departments.count and not self.customers.count):
            raise ValueError("customers need resellers above them, and departments need customers")
        if not self.records_in_master and not self.master.share:
            raise ValueError("master.share must be above 0, or records that no other level takes have no place")

    def dice(self, purpose: str, of: str = "") -> Random:
        """Random numbers for one purpose: always the same ones, whatever is drawn for others."""
        return Random(f"{self.seed} {purpose} {of}")  # noqa: S311  demo data is meant to be foreseeable


def load_recipe(text: str = "", source: str = "demo recipe", **changes: Any) -> Recipe:
    """The recipe that Crossbar comes with, changed by the keys of a TOML text and then by keywords.

    `load_recipe(records=1_000_000, records_in_master=True)` is what benchmarks use. Raises SettingsError.
    """
    merged = tomllib.loads(files("crossbar.defaults").joinpath("demo.toml").read_text(encoding="utf-8"))
    try:
        _merge(merged, tomllib.loads(text))
        _merge(merged, changes)
        return msgspec.convert(merged, Recipe)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"not TOML: {error}"], source) from None
    except msgspec.ValidationError as error:
        raise SettingsError([str(error)], source) from None


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
