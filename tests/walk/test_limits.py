"""Token buckets: what requests cost, from which bucket it is taken, and how it is told."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import pytest

from crossbar import Blob, Context, Endpoint, action
from crossbar.settings import Rate, RateGroup
from crossbar.testing import Client, SocketRefused

from .addresses import RIGHT, at, client_at, counting, tried
from .tools import refused

POLICY = re.compile(r'"[a-z_]+";q=\d+;w=\d+')
LEVEL = re.compile(r'"[a-z_]+";r=\d+;t=\d+')
CUSTOMER = "c0" * 16


class Tapes(Endpoint):
    """An endpoint whose operations cost this and that."""

    name = "tapes"
    limit_group = "heavy"
    costs: ClassVar = {"create": 7, "wind": 0}

    async def find(self, ctx: Context) -> dict[str, bool]:
        """Cost one."""
        return {}

    async def create(self, ctx: Context) -> dict[str, bool]:
        """Cost seven."""
        return {}

    @action("POST wind")
    async def wind(self, ctx: Context) -> Blob:
        """Cost nothing."""
        return Blob(b"wound", "text/plain")

    async def socket(self, ctx: Context, websocket: Any) -> None:
        """Say hello."""
        await websocket.accept()


def tokens(response: Any) -> tuple[int, int]:
    """What an envelope says of tokens: consumed and remaining."""
    told = response.json()["tokens"]
    return told["consumed"], told["remaining"]


# What is told.


async def test_what_every_envelope_tells() -> None:
    """Successes, pages and refusals say what they took and what is left, in the envelope and in the draft's fields."""
    async with counting() as (world, _):
        client = await client_at(world, "192.0.2.1")
        asked = [("GET", ""), ("GET", "/devices"), ("GET", "/devices/none"), ("PATCH", "/devices"), ("PUT", "/devices")]
        for number, (method, path) in enumerate(asked, 1):
            response = await client.request(method, f"/accounts/{CUSTOMER}{path}", {} if method == "PUT" else None)
            left = 100 - number if method != "PATCH" else 99
            if method == "PUT":
                left = 96  # the verb that there is not was charged to the address alone
            assert (1, left) == tokens(response), path
            assert '"default";q=100;w=10' == response.headers["ratelimit-policy"]
            assert f'"default";r={left};t={-(-(100 - left) // 10)}' == response.headers["ratelimit"]


async def test_what_has_no_envelope() -> None:
    """Streams have no `tokens`, as with Kazoo; they and bytes have the fields."""
    async with counting(endpoints=[Tapes()]) as (world, _):
        client = await client_at(world, "192.0.2.1")
        stream = await client.get(f"/accounts/{CUSTOMER}/devices?paginate=false")
        blob = await client.post(f"/accounts/{CUSTOMER}/tapes/wind")
        csv = await client.get(f"/accounts/{CUSTOMER}/devices?accept=csv")
        assert "tokens" not in stream.json()
        assert ['"default";r=99;t=1', '"heavy";r=100;t=0', '"default";r=98;t=1'] == [
            response.headers["ratelimit"] for response in (stream, blob, csv)
        ]


async def test_a_429() -> None:
    """Too many requests are refused with a whole number of seconds, and the client that waits them is let in."""
    async with counting(Rate(size=3, refill=1, per="minute")) as (world, clock):
        client = await client_at(world, "192.0.2.1")
        answers = [await client.get("/account") for _ in range(4)]
        assert [200, 200, 200, 429] == [response.status for response in answers]
        refused(answers[-1], 429, "too_many_requests")
        assert (0, 0) == tokens(answers[-1])
        assert "60" == answers[-1].headers["retry-after"]
        assert '"default";r=0;t=180' == answers[-1].headers["ratelimit"]
        assert '"default";q=3;w=180' == answers[-1].headers["ratelimit-policy"]
        clock.now += 59
        assert 429 == (await client.get("/account")).status
        clock.now += 1
        assert [200, 429] == [(await client.get("/account")).status for _ in range(2)]


async def test_the_syntax_of_the_fields() -> None:
    """A name in quotes and whole numbers, as the draft has them."""
    async with counting(endpoints=[Tapes()]) as (world, _):
        client = await client_at(world, "192.0.2.1")
        for path in ("/account", f"/accounts/{CUSTOMER}/tapes", "/none"):
            response = await client.get(path)
            assert POLICY.fullmatch(response.headers["ratelimit-policy"])
            assert LEVEL.fullmatch(response.headers["ratelimit"])


async def test_who_counts_nothing_tells_nothing() -> None:
    """Without the limiter there are neither tokens nor fields."""
    async with counting(Rate(enabled=False, size=1)) as (world, _):
        client = await client_at(world, "192.0.2.1")
        for path in ("/account", "/account", "/none"):
            response = await client.get(path)
            assert "tokens" not in response.json()
            assert not [name for name in response.headers if name.startswith(("ratelimit", "retry"))]


async def test_what_is_free() -> None:
    """OPTIONS and health checks cost nothing, also where the bucket is empty."""
    async with counting(Rate(size=1, refill=1, per="day")) as (world, _):
        client = await client_at(world, "192.0.2.1")
        root = Client(at(world.app, "192.0.2.1"), prefix="")
        await client.get("/account")
        await client.get("/none")
        assert [429, 429] == [(await client.get(path)).status for path in ("/account", "/none")]
        free = [await client.request("OPTIONS", "/accounts"), await client.request("OPTIONS", "/none")]
        assert [204, 404] == [response.status for response in free]
        assert [200, 200] == [(await root.get(path)).status for path in ("/livez", "/readyz")]
        assert "ratelimit" not in free[0].headers


# What requests cost.


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        pytest.param({}, 1, id="nothing is said"),
        pytest.param({"devices": 2}, 2, id="EP"),
        pytest.param({"devices": 2, "devices.GET": 3}, 3, id="EP.VERB"),
        pytest.param({"devices.PUT": 3}, 1, id="another verb"),
        pytest.param({"users": 3, "accounts": 4}, 1, id="another endpoint, and one further out"),
        pytest.param({"devices.GET": 3, CUSTOMER: 4}, 4, id="ACC"),
        pytest.param({CUSTOMER: 4, f"{CUSTOMER}.devices": 5}, 5, id="ACC.EP"),
        pytest.param({f"{CUSTOMER}.devices": 5, f"{CUSTOMER}.devices.GET": 6}, 6, id="ACC.EP.VERB"),
        pytest.param({f"{CUSTOMER}.users": 5, f"{CUSTOMER}.devices.PUT": 6, "devices": 2}, 2, id="others of ACC"),
        pytest.param({"b0" * 16: 5, f"{'b0' * 16}.devices.GET": 6}, 1, id="another account"),
        pytest.param({"devices": {"GET": 7}, CUSTOMER: {"users": 5}}, 7, id="nested"),
        pytest.param({"Devices.get": 8}, 8, id="in any case"),
        pytest.param({"devices": 0}, 0, id="free"),
        pytest.param({"devices": 1000}, 100, id="more than there can ever be is all of it"),
    ],
)
async def test_costs(costs: dict[str, Any], expected: int) -> None:
    """Costs are looked up as Kazoo does, the most exact one first."""
    async with counting(Rate(costs=costs)) as (world, _):
        client = await client_at(world, "192.0.2.1")
        assert (expected, 100 - expected) == tokens(await client.get(f"/accounts/{CUSTOMER}/devices"))


async def test_costs_by_the_effective_verb() -> None:
    """A tunnelled verb costs what it is, HEAD what GET costs, and a WebSocket has a word of its own."""
    costs: Any = {"devices.PUT": 20, "devices.POST": 3, "devices.GET": 2, "tapes.SOCKET": 5}
    async with counting(Rate(costs=costs), endpoints=[Tapes()]) as (world, _):
        client = await client_at(world, "192.0.2.1")
        path = f"/accounts/{CUSTOMER}/devices"
        assert (20, 80) == tokens(await client.post(f"{path}?verb=PUT", {"name": "Desk"}))
        assert (20, 60) == tokens(await client.post(path, body=b'{"verb":"put","data":{"name":"Hall"}}'))
        assert '"default";r=58;t=5' == (await client.request("HEAD", path)).headers["ratelimit"]
        async with client.socket(f"/accounts/{CUSTOMER}/tapes"):
            pass
        assert (1, 94) == tokens(await client.get(f"/accounts/{CUSTOMER}/tapes"))


async def test_costs_that_a_class_declares() -> None:
    """An author may say what operations and actions cost; the settings have the last word."""
    path = f"/accounts/{CUSTOMER}/tapes"
    async with counting(endpoints=[Tapes()]) as (world, _):
        client = await client_at(world, "192.0.2.1")
        assert (1, 99) == tokens(await client.get(path))
        assert (7, 92) == tokens(await client.put(path, {}))
        assert '"heavy";r=92;t=1' == (await client.post(f"{path}/wind")).headers["ratelimit"]
    async with counting(Rate(costs={"tapes": 2}), endpoints=[Tapes()]) as (world, _):
        client = await client_at(world, "192.0.2.1")
        assert [(2, 98), (2, 96)] == [tokens(await client.get(path)), tokens(await client.put(path, {}))]


async def test_logins_cost_more_and_empty_what_is_too_little() -> None:
    """The third login in a row finds 30 tokens, which are gone then; other accounts' buckets are not concerned."""
    async with counting() as (world, clock):
        answers = [await tried(world, RIGHT) for _ in range(3)]
        assert [(35, 65), (35, 30), (0, 0)] == [tokens(answer) for answer in answers]
        assert "4" == answers[-1].headers["retry-after"]
        client = await client_at(world, "192.0.2.1")
        assert (1, 99) == tokens(await client.get("/account"))
        clock.now += 4
        assert (35, 5) == tokens(await tried(world, RIGHT))
        key = await Client(at(world.app, "192.0.2.2")).put("/api_auth", {"api_key": "0" * 64})
        assert (35, 65) == tokens(key)


async def test_groups() -> None:
    """Groups have buckets of their own, of the size that the settings say, or of the default one."""
    path = f"/accounts/{CUSTOMER}"
    heavy = {"heavy": RateGroup(size=2, refill=1, per="hour")}
    async with counting(Rate(groups=heavy), endpoints=[Tapes()]) as (world, _):
        client = await client_at(world, "192.0.2.1")
        answers = [await client.get(f"{path}/tapes") for _ in range(3)]
        assert [200, 200, 429] == [answer.status for answer in answers]
        assert '"heavy";q=2;w=7200' == answers[-1].headers["ratelimit-policy"]
        assert "3600" == answers[-1].headers["retry-after"]
        assert (1, 99) == tokens(await client.get(f"{path}/devices"))


# Who shares a bucket.


async def test_buckets_belong_to_an_address_and_an_account() -> None:
    """Another address has another bucket, and so has another account of the same caller."""
    async with counting() as (world, _):
        here, there = await client_at(world, "192.0.2.1", "reseller"), await client_at(world, "192.0.2.2", "reseller")
        paths = ["/account", f"/accounts/{CUSTOMER}", "/account"]
        assert [(1, 99), (1, 99), (1, 98)] == [tokens(await here.get(path)) for path in paths]
        assert (1, 99) == tokens(await there.get("/account"))


async def test_an_address_that_nobody_knows() -> None:
    """Where the server names no client, such as behind a Unix socket, there is one bucket for all."""
    async with counting() as (world, _):

        async def nobody(scope: Any, receive: Any, send: Any) -> None:
            await world.app({**scope, "client": None}, receive, send)

        token = await world.token("customer")
        assert [(1, 99), (1, 98)] == [tokens(await Client(nobody, token).get("/account")) for _ in range(2)]


async def test_what_is_refused_early_is_charged_to_the_address() -> None:
    """Trying out tokens, accounts and paths runs dry as well, and then gets no other answer than 429."""
    async with counting(Rate(size=5, refill=1, per="day")) as (world, _):
        app = at(world.app, "192.0.2.1")
        known = await world.token("customer")
        tries = [("nope", "/account"), (known, f"/accounts/{'f' * 32}"), (known, "/none"), (known, "/devices")]
        statuses = [(await Client(app, token).get(path)).status for token, path in tries]
        assert [401, 404, 404, 403] == statuses
        assert 404 == (await Client(app, known).get("//")).status
        answers = [await Client(app, token).get(path) for token, path in tries]
        assert [429, 429, 429, 429] == [answer.status for answer in answers]
        refused(answers[0], 429, "too_many_requests")
        assert 200 == (await Client(app, known).get("/account")).status


async def test_a_body_is_not_read_where_there_is_nothing_left() -> None:
    """Before it reads a body, the server looks whether the bucket that the path names is empty."""
    async with counting(Rate(size=2, refill=1, per="day")) as (world, _):
        client = await client_at(world, "192.0.2.1")
        read = 0

        async def pieces() -> Any:
            nonlocal read
            read += 1
            yield b'{"data":{}}'

        path = f"/accounts/{CUSTOMER}/devices"
        statuses = [(await client.put(path, body=pieces())).status for _ in range(3)]
        assert ([400, 400, 429], 2) == (statuses, read)
        response = await client.put(path, body=pieces())
        assert ("0", 2) == (response.headers["ratelimit"].partition("r=")[2][0], read)


# WebSockets.


async def test_websockets_are_charged() -> None:
    """A handshake takes a token, is told so, and is refused like any other request."""
    async with counting(Rate(groups={"heavy": RateGroup(1, 1, "day")}), endpoints=[Tapes()]) as (world, _):
        client = await client_at(world, "192.0.2.1")
        path = f"/accounts/{CUSTOMER}/tapes"
        async with client.socket(path) as socket:
            assert '"heavy";r=0;t=86400' == socket.headers["ratelimit"]
        with pytest.raises(SocketRefused) as error:
            async with client.socket(path):
                pass
        assert 429 == error.value.response.status
        assert "86400" == error.value.response.headers["retry-after"]
