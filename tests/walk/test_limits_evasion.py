"""Ways around a token bucket, all at once: the bound is a bound."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from crossbar.limits.admission import network_of
from crossbar.settings import Rate
from crossbar.testing import Client, World

from .addresses import at, client_at, counting

CUSTOMER = "c0" * 16
QUOTED = "".join(f"%{ord(letter):02X}" for letter in CUSTOMER)
DEVICES = f"/accounts/{CUSTOMER}/devices"

# Each way to ask once: the method, the path, more header fields, and the address after 2001:db8:0:1.
WAYS: dict[str, tuple[str, str, dict[str, str], str]] = {
    "as it is meant": ("GET", DEVICES, {}, "::1"),
    "a neighbour's address": ("GET", DEVICES, {}, ":ffff:1:2:3"),
    "an address with a zone": ("GET", DEVICES, {}, "::1%eth0"),
    "X-Forwarded-For": ("GET", DEVICES, {"x-forwarded-for": "192.0.2.77"}, "::1"),
    "Forwarded": ("GET", DEVICES, {"forwarded": "for=192.0.2.78", "x-real-ip": "192.0.2.79"}, "::1"),
    "the alias": ("GET", "/account/devices", {}, "::1"),
    "the id in percent signs": ("GET", f"/accounts/{QUOTED}/devices", {}, "::1"),
    "the noun in percent signs": ("GET", f"/%61ccounts/{CUSTOMER}/d%65vices", {}, "::1"),
    "a slash at the end": ("GET", f"{DEVICES}/", {}, "::1"),
    "two slashes": ("GET", f"//accounts//{CUSTOMER}/devices", {}, "::1"),
    "capital letters": ("GET", f"/accounts/{CUSTOMER.upper()}/devices", {}, "::1"),
    "HEAD": ("HEAD", DEVICES, {}, "::1"),
    "a verb in the query": ("POST", f"{DEVICES}?verb=GET", {}, "::1"),
    "a query of its own": ("GET", f"{DEVICES}?nonce=1", {}, "::1"),
    "another request id": ("GET", DEVICES, {"x-request-id": "mine"}, "::1"),
    "CSV": ("GET", f"{DEVICES}?accept=csv", {}, "::1"),
}


async def asked(world: World, way: str, token: str) -> Any:
    """Ask in one of the ways."""
    method, path, headers, host = WAYS[way]
    client = Client(at(world.app, f"2001:db8:0:1{host}"), token, headers=headers)
    return await client.request(method, path)


@pytest.mark.parametrize("seed", range(3))
async def test_all_evasions_at_once(seed: int) -> None:
    """Whoever mixes them gets what anybody gets: the size of the bucket, and what time has added."""
    chosen = random.Random(seed)
    async with counting(Rate(size=40, refill=10)) as (world, clock):
        tokens = [await world.token("customer") for _ in range(3)]
        passed, admitted = 0.0, Counter[str]()
        for _ in range(1500):
            step = chosen.choice([0.0, 0.0, 0.02, 0.05, -0.02])
            clock.now += step
            passed += max(step, 0.0)
            way = chosen.choice(list(WAYS))
            if (await asked(world, way, chosen.choice(tokens))).status < 300:
                admitted[way] += 1
        assert 100 < admitted.total() <= 40 + 10 * passed
        # Those that lead elsewhere lead nowhere; all others were tried and got their share.
        elsewhere = {"two slashes", "capital letters"}
        assert set(WAYS) - elsewhere <= set(admitted)


@pytest.mark.parametrize("way", WAYS)
async def test_each_evasion_meets_the_empty_bucket(way: str) -> None:
    """With nothing left, no way leads to a document."""
    async with counting(Rate(size=3, refill=1, per="day")) as (world, _):
        client = await client_at(world, "2001:db8:0:1::9")
        for _ in range(3):
            assert 200 == (await client.get("/account")).status
        statuses = [(await asked(world, way, client.token or "")).status for _ in range(5)]
        assert 429 == statuses[-1]
        assert not [status for status in statuses if status < 400]


async def test_a_dear_verb_stays_dear() -> None:
    """A tunnelled verb pays its own price, whatever carries it."""
    async with counting(Rate(size=20, refill=1, per="day", costs={"devices.PUT": 10})) as (world, _):
        client = await client_at(world, "192.0.2.1")
        ways = [("PUT", DEVICES), ("POST", f"{DEVICES}?verb=PUT"), ("POST", f"{DEVICES}?verb=put")]
        statuses = [(await client.request(method, path, {"name": "Desk"})).status for method, path in ways]
        assert [201, 201, 429] == statuses


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:0DB8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "::/64"),
        ("unix:/run/socket", "unix:/run/socket"),
    ],
)
def test_networks(host: str, expected: str) -> None:
    """An IPv6 address stands for its /64; an IPv4 one within it for itself."""
    assert expected == network_of(host)


async def test_an_ipv4_address_in_the_clothes_of_ipv6() -> None:
    """A server on `::` sees the same client as one on 0.0.0.0."""
    async with counting(Rate(size=2, refill=1, per="day")) as (world, _):
        clients = [await client_at(world, address) for address in ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201")]
        assert [200, 200, 429] == [(await client.get("/account")).status for client in clients]
