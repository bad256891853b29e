"""What lasts long ends with the credential that began it, by the settings of now; what is still good goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from crossbar import Crossbar, sockets
from crossbar.errors import Unavailable
from crossbar.gateway import passage
from crossbar.gateway.keeping import configure
from crossbar.settings import Provider, Settings
from crossbar.testing import Clock, SocketClosed, World

from .gateways import A, Gateway, gateway, until
from .gateways import route as routed
from .issuers import NOW
from .misbehaving import Peer, scripted
from .standins import bearer, gate, issuer, key, keys, route
from .wires import Wire

PARTNERS = keys(acme={"account": A})
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it asked often."""
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.01)
    monkeypatch.setattr(passage, "RECHECK_SECONDS", 0.01)


async def _without(world: World, clock: Clock) -> None:
    """Take the key back, and put another one in its place."""
    await configure(world.app, _providing(world.app, keys(rival={})))


async def _moved(world: World, clock: Clock) -> None:
    """Have the key stand for somebody else."""
    await configure(world.app, _providing(world.app, keys(acme={"account": "b0" * 16})))


async def _gone(world: World, clock: Clock) -> None:
    """Leave the provider out, and have the route ask for tokens of ours."""
    said = world.app.settings
    routes = [replace(each, auth="crossbar") for each in said.route]
    await configure(world.app, replace(said, provider={}, route=tuple(routes)))


async def _off(world: World, clock: Clock) -> None:
    """Switch the account off that the key enters."""
    master = await world.client("master")
    assert 200 == (await master.patch(f"/accounts/{A}", {"enabled": False})).status


async def _late(world: World, clock: Clock) -> None:
    """Let the tokens end."""
    clock.now += 1_000_000


def _providing(app: Crossbar, partners: dict[str, Any]) -> Settings:
    """The settings of an application, with other keys."""
    return replace(app.settings, provider={**app.settings.provider, "partners": msgspec.convert(partners, Provider)})


Ending = Callable[[World, Clock], Awaitable[None]]
ENDINGS = [
    pytest.param("key", _without, id="key-taken-back"),
    pytest.param("key", _moved, id="key-of-somebody-else"),
    pytest.param("key", _gone, id="provider-gone"),
    pytest.param("key", _off, id="account-off"),
    pytest.param("jwt", _late, id="jwt-ended"),
    pytest.param("own", _late, id="token-ended"),
]


@pytest.mark.parametrize(("who", "ending"), ENDINGS)
async def test_a_websocket_ends(who: str, ending: Ending) -> None:
    """It is closed with 1008."""
    clock = Clock(NOW)
    async with issuer(leeway="0") as staff:
        routes = [route("/open/**", auth=["staff", "partners", "crossbar"])]
        async with gate(*routes, provider=staff | {"partners": PARTNERS}, options={"clock": clock}) as gated:
            fields = {"key": key("acme"), "jwt": bearer(exp=NOW + 600), "own": {}}[who]
            client = await gated.client("customer" if who == "own" else "", headers=fields)
            async with client.socket("//open/1") as socket:
                await socket.send_text("one")
                assert "one" == await socket.receive_text()
                await ending(gated.world, clock)
                with pytest.raises(SocketClosed) as closed:
                    await socket.receive_text()
                assert 1008 == closed.value.code


async def _begun(served: Gateway, wire: Wire, fields: dict[str, str]) -> None:
    """Begin a stream, as far as its first piece."""
    await wire.send(served.request("GET /x/1", fields))
    assert b"200 OK" in await wire.head()
    assert b"a" == await wire.piece()


async def _holding(peer: Peer) -> None:
    """Send the first piece of a stream, and nothing more."""
    await peer.request()
    await peer.send(HEAD)
    await peer.gone()


@pytest.mark.parametrize(("who", "ending"), ENDINGS)
async def test_a_stream_breaks_off(who: str, ending: Ending) -> None:
    """Without its end, though the upstream says nothing; the call of the upstream is over, and not to be blamed."""
    clock = Clock(NOW)
    async with issuer(leeway="0") as staff, scripted(_holding) as port:
        said = {"provider": staff | {"partners": PARTNERS}}
        routes = [routed(auth=["staff", "partners", "crossbar"])]
        async with (
            gateway(*routes, settings=said, options={"clock": clock}, up=port) as served,
            served.wire() as wire,
        ):
            own = {"x-auth-token": served.tokens[A]}
            await _begun(served, wire, {"key": key("acme"), "jwt": bearer(exp=NOW + 600), "own": own}[who])
            await ending(served.world, clock)
            assert b"" == await wire.gone()
            assert (200, "invalid_credentials") == ((line := await served.logged())["status"], line["reason"])
            assert "ok" == served.service().states()[0]["state"]


async def test_a_stream_of_somebody_who_is_still_known_goes_on() -> None:
    """Also behind a reload that changes other keys, and where nobody can tell just now."""
    asked = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD)
        await asked.wait()
        await peer.send(b"1\r\nb\r\n0\r\n\r\n")

    async with scripted(handler) as port:
        said = {"provider": {"partners": PARTNERS}}
        async with gateway(routed(auth="partners"), settings=said, up=port) as served, served.wire() as wire:
            await _begun(served, wire, key("acme"))
            await configure(served.app, _providing(served.app, keys(rival={}, acme={"account": A})))
            assert served.app.gateway is not None
            source: Any = served.app.gateway.current.sources["partners"]
            known, times = source.known, []

            def counted(headers: Any) -> Any:
                times.append(1)
                if len(times) == 1:
                    raise Unavailable
                return known(headers)

            source.known = counted
            await until(lambda: len(times) > 2)
            asked.set()
            assert [b"b", b""] == [await wire.piece(), await wire.piece()]
