"""Who a request is from, where proxies stand before the gateway: for limits, log, rules and the upstream."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from crossbar.log import AccessLog
from crossbar.testing import Response, SocketRefused

from .standins import NOUN, Gate, gate, route

PROXY: dict[str, Any] = {"client": ("10.0.0.1", 4000)}
STRANGER: dict[str, Any] = {"client": ("203.0.113.9", 4000)}
TRUSTED: dict[str, Any] = {"gateway": {"trusted": ["10.0.0.0/8", "2001:db8:1::/48"], "via": "edge"}}
CLIENT = (b"x-forwarded-for", b"198.51.100.7")
DIFFERENT = ((b"forwarded", b"for=198.51.100.8"), CLIENT)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


def logging() -> tuple[io.StringIO, dict[str, Any]]:
    """An access log in memory, and the options of a world that has it."""
    stream = io.StringIO()
    return stream, {"access_log": AccessLog(stream, "json")}


def lines(gated: Gate, stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines of the access log so far."""
    assert gated.app.access_log is not None
    gated.app.access_log.flush()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_the_client_behind_a_trusted_proxy() -> None:
    """The upstream learns of the whole way; the log has the client, and what the client used."""
    stream, options = logging()
    async with gate(route("/x"), options=options, **TRUSTED) as gated:
        told = (CLIENT, (b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"shop.example"))
        assert 200 == (await gated.wire("GET", b"/x", *told, **PROXY)).status
        sent = gated.last()
        assert (b"198.51.100.7, 10.0.0.1", b"https", b"shop.example", b"443") == tuple(
            sent[b"x-forwarded-" + name] for name in (b"for", b"proto", b"host", b"port")
        )
        assert (
            b"for=198.51.100.7;proto=https;host=shop.example, for=10.0.0.1;proto=http;host=gate.example"
            == sent[b"forwarded"]
        )
        assert "198.51.100.7" == lines(gated, stream)[-1]["client"]


@pytest.mark.parametrize(
    "told",
    [
        (CLIENT, (b"x-real-ip", b"198.51.100.7"), (b"x-forwarded-proto", b"https")),
        ((b"forwarded", b"for=198.51.100.7;proto=https"),),
        DIFFERENT,
        ((b"x_forwarded_for", b"198.51.100.7"), (b"X-Forwarded-For".lower(), b"10.0.0.1")),
    ],
    ids=["x", "standard", "both, and different", "spelt otherwise"],
)
async def test_a_stranger_tells_nothing(told: tuple[tuple[bytes, bytes], ...]) -> None:
    """Neither for the upstream nor for limits, rules and log."""
    stream, options = logging()
    limited = route("/x", allow="request.address == '203.0.113.9'", limit=["2/min per address"])
    async with gate(limited, options=options, **TRUSTED) as gated:
        statuses = [(await gated.wire("GET", b"/x", *told, **STRANGER)).status for _ in range(3)]
        assert [200, 200, 429] == statuses
        sent = gated.last()
        assert (b"203.0.113.9", b"http", b"for=203.0.113.9;proto=http;host=gate.example") == (
            sent[b"x-forwarded-for"],
            sent[b"x-forwarded-proto"],
            sent[b"forwarded"],
        )
        assert [] == [name for name, _ in sent.call.fields if b"_" in name or b"real" in name]
        assert {"203.0.113.9"} == {line["client"] for line in lines(gated, stream)}


async def test_limits_and_rules_go_by_the_client() -> None:
    """Two of them behind one proxy have a bucket each."""
    async with gate(
        route("/x", limit=["1/min per address"], allow="request.address != '198.51.100.9'"), **TRUSTED
    ) as gated:
        statuses = []
        for client in (b"198.51.100.7", b"198.51.100.7", b"198.51.100.8", b"198.51.100.9"):
            statuses.append((await gated.wire("GET", b"/x", (b"x-forwarded-for", client), **PROXY)).status)
        assert [200, 429, 200, 403] == statuses


async def test_behind_a_socket_of_this_machine_nobody_is_trusted() -> None:
    """A peer without an address is none of those that are named."""
    async with gate(route("/x"), **TRUSTED) as gated:
        for client in (None, ("", 0), ("/run/crossbar.sock", 0)):
            assert 200 == (await gated.wire("GET", b"/x", CLIENT, client=client)).status
            assert b"unknown" == gated.last()[b"x-forwarded-for"]


FORMS = {
    "crossbar": (b"/v2/accounts", "data"),
    "ringcentral": (b"/restapi/v1.0/account/~", "errorCode"),
    "realm": (b"/api/ver1.0/client/@me", "status"),
    "a noun": (b"/v2/accounts/x/invoices", "data"),
    "problem": (b"/x", "reason"),
    "another method": (b"/put", "reason"),
    "form": (b"/shaped", "data"),
    "nowhere": (b"/nowhere", "data"),
}


async def refused(gated: Gate, path: bytes) -> Response:
    """The answer to a request that proxies contradict each other about."""
    return await gated.wire("GET", path, *DIFFERENT, (b"x-request-id", b"the-request"), **PROXY)


@pytest.mark.parametrize("form", FORMS)
async def test_proxies_that_contradict_each_other(form: str) -> None:
    """Nobody can tell who it is: that is a 400 in the form of whatever it was for, also as the first request at all."""
    path, member = FORMS[form]
    stream, options = logging()
    routes = [route(NOUN), route("/x"), route("/shaped", form="crossbar"), route("/put", methods=["PUT"])]
    async with gate(*routes, options=options, **TRUSTED) as gated:
        await gated.app.stop()  # so that it is the first one, before anything is open
        response = await refused(gated, path)
        assert (400, "the-request") == (response.status, response.headers["x-request-id"])
        assert member in response.json()
        assert [] == gated.asked
        line = lines(gated, stream)[-1]
        assert (400, "10.0.0.1", "bad_header") == (line["status"], line["client"], line["reason"])
        assert 200 == (await gated.wire("GET", b"/x", CLIENT, **PROXY)).status


async def test_probes_are_answered_whatever_proxies_say() -> None:
    """A balancer in front may be one of them."""
    async with gate(route("/x"), **TRUSTED) as gated:
        assert [200, 200] == [(await refused(gated, path)).status for path in (b"/livez", b"/readyz")]


async def test_a_web_socket_that_proxies_contradict_each_other_about() -> None:
    """It is refused as well."""
    async with gate(route("/x"), gateway={"trusted": ["127.0.0.1"]}) as gated:
        client = await gated.client(headers={"forwarded": "for=198.51.100.8", "x-forwarded-for": "198.51.100.7"})
        with pytest.raises(SocketRefused) as found:
            async with client.socket("//x"):
                raise AssertionError("it was let in")
        assert (400, "bad_header", []) == (
            found.value.response.status,
            found.value.response.json()["reason"],
            gated.asked,
        )


async def test_without_routes_the_client_counts_all_the_same() -> None:
    """Proxies may be named for the local modules alone."""
    stream, options = logging()
    async with gate(options=options, **TRUSTED, upstream={}) as gated:
        assert 401 == (await gated.wire("GET", b"/v2/accounts", CLIENT, **PROXY)).status
        assert "198.51.100.7" == lines(gated, stream)[-1]["client"]
