"""What the benchmark of the gateway concludes from its costs, and the settings that it is measured with: no load."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from crossbar.settings import load

from .gateway import FULL, PROXIES, RATIOS, SMALLEST, gateway_figures
from .proxies import BARE, EVERYTHING, KEY, KEY_FIELD, written
from .rows import GATEWAY, NAMES


def test_the_gateway_is_held_against_the_smallest_proxy() -> None:
    """The ratio is that of neighbours in a round, so that a slow minute for both changes nothing."""
    figures = {each.name: each for each in gateway_figures({SMALLEST: [100, 300, 100], FULL: [130, 390, 150]})}

    assert ["gateway-aiohttp", "gateway-full", "gateway-full-aiohttp"] == list(figures)
    ratio = figures["gateway-full-aiohttp"]
    assert (1.3, 1.3, 1.5, True) == (ratio.value, ratio.low, ratio.high, ratio.met)
    assert (150, None) == (figures["gateway-full"].value, figures["gateway-full"].met)


@pytest.mark.parametrize(("cost", "met"), [(130, True), (131, False)], ids=["within", "beyond"])
def test_the_aim_has_an_edge(cost: float, met: bool) -> None:
    """It is told as missed as soon as it is."""
    assert met is gateway_figures({SMALLEST: [100], FULL: [cost]})[-1].met


def test_what_is_not_there_is_compared_with_nothing() -> None:
    """Without nginx the other ratios stand, and no other ratio has an aim."""
    costs = {name: [10.0] for name in PROXIES if name != "nginx"}
    told = [each for each in gateway_figures(costs) if each.unit == "times"]

    assert [f"gateway-{one}-{other}" for one, other in RATIOS if other != "nginx"] == [each.name for each in told]
    assert ["gateway-full-aiohttp"] == [each.name for each in told if each.aim is not None]
    assert [] == gateway_figures({})


@pytest.mark.parametrize("text", [BARE, EVERYTHING], ids=["bare", "full"])
def test_the_settings_are_those_of_a_gateway(text: str, tmp_path: Path) -> None:
    """They are good, and lead to the upstream that is measured."""
    settings = load(written(tmp_path / "gateway.toml", text, "http://127.0.0.1:1"))

    assert ("http://127.0.0.1:1",) == settings.upstream["upstream"].targets
    assert ["/invoices/**"] == [route.path for route in settings.route]


def test_the_full_gateway_has_everything_on(tmp_path: Path) -> None:
    """Keys, three limits, active checks, metrics and the log as JSON; the key that is sent is the one it knows."""
    settings = load(written(tmp_path / "gateway.toml", EVERYTHING, "http://127.0.0.1:1"))
    provider, [route] = settings.provider["keys"], settings.route

    assert (KEY_FIELD.lower(), hashlib.sha256(KEY.encode()).hexdigest()) == (provider.header, provider.keys[0].sha256)
    assert ("keys", 3) == (route.auth, len(route.limit))
    assert (True, "json", True) == (
        settings.metrics.enabled,
        settings.log.format,
        bool(settings.upstream["upstream"].health),
    )


def test_only_takes_the_parts_of_the_gateway() -> None:
    """Each can be measured by itself."""
    assert set(GATEWAY) <= set(NAMES)
