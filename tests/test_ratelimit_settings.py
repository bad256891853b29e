"""The settings of limits: what cannot be is refused with its key."""

from __future__ import annotations

import pytest

from crossbar.errors import SettingsError
from crossbar.settings import load


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
