"""What leads to the demo upstreams: their ports, the file of the demo gateway, and the lines that it is tried with."""

from __future__ import annotations

import hashlib

from crossbar.cli.trial import PARTNER_KEY, demo_greeting
from crossbar.demo import load_recipe
from crossbar.demo.upstreams import PORTS, demo_services, gateway_file, is_demo_gateway, moved
from crossbar.settings import Settings, load

from .asking import ask


async def test_services_are_told_apart_by_their_port() -> None:
    """Also by one that stands for another."""
    app = demo_services(load_recipe(), {9001: 1, 9002: 9002, 9003: 3})
    asked = [await ask(app, "GET", "/readyz", port=port) for port in (1, 9002, 3)]
    assert ["billing-1", "billing-2", None] == [answer.fields.get("x-served-by") for answer in asked]
    assert "/readyz" == asked[2].json["path"]


def test_the_file_leads_to_the_services() -> None:
    """Its targets are their ports, and the key that is printed is one that it knows."""
    settings = load(gateway_file())
    targets = [target for upstream in settings.upstream.values() for target in upstream.targets]
    assert [f"http://127.0.0.1:{port}" for port in PORTS] == [target.partition(" ")[0] for target in targets]
    assert hashlib.sha256(PARTNER_KEY.encode()).hexdigest() == settings.provider["partners"].keys[0].sha256


def test_targets_move_with_their_ports() -> None:
    """Weights stay, ports that are swapped are swapped, and what is elsewhere stays where it is."""
    settings = load(gateway_file(), overrides={"upstream.other.targets": ["http://10.0.0.1:9001"]})
    assert {
        "upstream.billing.targets": ["http://127.0.0.1:9002", "http://127.0.0.1:9001 weight=2"],
        "upstream.echo.targets": ["http://127.0.0.1:40000"],
    } == moved(settings, {9001: 9002, 9002: 9001, 9003: 40_000})
    assert {} == moved(settings, {port: port for port in PORTS})


def test_lines_for_the_gateway_are_for_its_own_routes() -> None:
    """Another gateway with the demo data has none of them."""
    routes = load(gateway_file()).route
    assert (True, False, False) == tuple(map(is_demo_gateway, (routes, routes[1:], Settings().route)))
    assert "/echo/events" in demo_greeting("http://h", routes)
    lines = demo_greeting("http://h", routes).partition("And these")[2].strip().split("\n\n")[1:]
    assert lines
    assert [] == [line for line in lines if not line.startswith("# ") or 2 != len(line.splitlines())]
    assert "/echo/events" not in demo_greeting("http://h", routes[1:])
