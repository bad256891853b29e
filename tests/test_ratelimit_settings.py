"""The settings of limits: what cannot be is refused with its key."""

from __future__ import annotations

import pytest

from crossbar.errors import SettingsError
from crossbar.settings import load
from crossbar.testing import make_app


@pytest.mark.parametrize(
    ("variable", "text", "fault"),
    [
        ("CROSSBAR__RATE__SIZE", "0", "rate.size"),
        ("CROSSBAR__RATE__PER", "week", "rate.per: must be one of day, hour, minute, second"),
        ("CROSSBAR__RATE__COSTS__DEVICES", "-1", "rate.costs.devices"),
        ("CROSSBAR__RATE__GROUPS__MEDIA__SIZES", "5", "rate.groups.media.sizes"),
    ],
)
def test_settings_that_are_wrong(variable: str, text: str, fault: str) -> None:
    """What cannot be is refused with its key."""
    with pytest.raises(SettingsError) as error:
        load(None, {variable: text})
    assert fault in error.value.faults[0]


def test_costs_in_the_environment() -> None:
    """Costs and groups can be set by variables, which have no capital letters."""
    loaded = load(None, {"CROSSBAR__RATE__COSTS__DEVICES__PUT": "5", "CROSSBAR__RATE__GROUPS__MEDIA__SIZE": "7"})
    assert ({"devices": {"put": 5}}, 7) == (loaded.rate.costs, loaded.rate.groups["media"].size)


DOUBTS = [
    ({"devices": 2, "devices.get": 2, "c0" * 16: 2, "c0" * 16 + ".devices.put": 1}, {}, []),
    ({"devices": {"socket": 2}}, {"media": {"size": 5}}, []),
    ({"devcies": 2}, {}, ["rate.costs.devcies: no endpoint is called 'devcies'"]),
    ({"devices.fetch": 2}, {}, ["rate.costs.devices.fetch: 'fetch' is no verb"]),
    ({"c0" * 16 + ".devcies": 2}, {}, [f"rate.costs.{'c0' * 16}.devcies: no endpoint is called"]),
    ({}, {"medai": {"size": 5}}, ["rate.groups.medai: no endpoint belongs to this group; there are auth, default, "]),
]


@pytest.mark.parametrize(("costs", "groups", "told"), DOUBTS, ids=[str(number) for number in range(len(DOUBTS))])
def test_what_limits_nothing(costs: dict[str, object], groups: dict[str, object], told: list[str]) -> None:
    """A cost or a group of something that there is not is told, for it is often one that is misspelt."""
    app = make_app(load(overrides={"rate": {"costs": costs, "groups": groups}}))
    assert app.admission is not None
    doubts = app.admission.doubts(app.registry)
    assert len(told) == len(doubts)
    assert all(doubt.startswith(start) for doubt, start in zip(doubts, told, strict=True))
