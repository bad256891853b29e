"""What is tried again, how often and where: only what does no harm, and never more than others can bear."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.clocks import pass_by
from tests.ports import kept_free

from .gateways import gateway, reply, route
from .misbehaving import Peer, cutting, scripted
from .wires import Answer

KEY = {"Idempotency-Key": '"k1"'}
CALM = {"eject": "never"}


class Recorder:
    """Targets that note each request that they get, by its method, and do with it as they are told."""

    def __init__(self, act: Callable[[Peer, int], Awaitable[bool]]) -> None:
        self.act = act
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []

    async def __call__(self, peer: Peer) -> None:
        going_on = True
        while going_on:
            head, body = await peer.request()
            self.heads.append(head)
            self.bodies.append(body)
            going_on = await self.act(peer, len(self.heads))


async def _first_fails(peer: Peer, number: int) -> bool:
    if number == 1:
        return False
    await peer.send(reply(b""))
    return True


@pytest.mark.parametrize(
    ("line", "fields", "tries"),
    [
        *[(f"{method} /x/1", {}, 2) for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")],
        *[(f"{method} /x/1", {}, 1) for method in ("POST", "PATCH", "QUERY")],
        *[(f"{method} /x/1", KEY, 2) for method in ("POST", "PATCH")],
    ],
    ids=str,
)
async def test_only_what_does_no_harm_is_sent_again(line: str, fields: dict[str, str], tries: int) -> None:
    """RFC 9110, 9.2.2: by its method, or because the client has named it; whatever has a body is sent with the same."""
    recorder = Recorder(_first_fails)
    body = b"body" if line[:2] in ("PU", "PA", "PO", "QU") else b""
    async with scripted(recorder) as port, gateway(route(), up=port, upstream=CALM) as served:
        answer = await served.ask(line, fields, body)
        assert (200 if tries == 2 else 502, tries) == (answer.status, (await served.line_of(answer))["tries"])
    assert [body] * tries == recorder.bodies
    assert tries == len(recorder.heads)


@pytest.mark.parametrize(
    ("retry", "first", "second", "line", "expected"),
    [
        ("3 tries on 503", b"503 Busy", b"200 OK", "GET", 200),
        ("3 tries on 503", b"503 Busy", b"200 OK", "POST", 503),
        ("3 tries on 503", b"500 Oops", b"200 OK", "GET", 500),
        ("2 tries on 503, 404", b"404 No", b"200 OK", "GET", 200),
        ("never", b"503 Busy", b"200 OK", "GET", 503),
        ("2 tries on 503", b"503 Busy", b"503 Busy", "GET", 503),
    ],
)
async def test_statuses_that_are_worth_another_try(
    retry: str, first: bytes, second: bytes, line: str, expected: int
) -> None:
    """Those of the rule, and the last answer is the client's, whatever it is."""

    async def act(peer: Peer, number: int) -> bool:
        await peer.send(reply(b"%d" % number, status=first if number == 1 else second))
        return True

    recorder = Recorder(act)
    async with scripted(recorder) as port, gateway(route(retry=retry), up=port, upstream=CALM) as served:
        answer = await served.ask(f"{line} /x/1")
        assert (expected, b"%d" % len(recorder.heads)) == (answer.status, answer.body)


async def test_a_try_that_took_too_long_is_followed_by_another_one() -> None:
    """Each has its own time; the total is for all of them."""

    async def act(peer: Peer, number: int) -> bool:
        if number < 3:
            pass_by(5)
            await peer.gone()
            return False
        await peer.send(reply())
        return True

    recorder = Recorder(act)
    rule = route(retry="3 tries on timeout", timeout={"first_byte": "5s"})
    async with scripted(recorder) as port, gateway(rule, up=port, upstream=CALM) as served:
        answer = await served.ask("GET /x/1")
        assert (200, 3) == (answer.status, (await served.line_of(answer))["tries"])


async def test_the_total_is_for_all_tries() -> None:
    """When it has passed, nothing is tried any more."""

    async def act(peer: Peer, number: int) -> bool:
        pass_by(5)
        await peer.gone()
        return False

    recorder = Recorder(act)
    rule = route(retry="5 tries on timeout", timeout={"first_byte": "10s", "total": "5s"})
    async with scripted(recorder) as port, gateway(rule, up=port, upstream=CALM) as served:
        assert 504 == (await served.ask("GET /x/1")).status
    assert 1 == len(recorder.heads)


async def test_another_target_is_tried() -> None:
    """What one could not do, another one may."""
    good = Recorder(lambda peer, number: _always(peer))
    async with (
        scripted(good) as well,
        scripted(cutting(b"", 0, "fin")) as bad,
        gateway(route(), up=[bad, well], upstream=CALM) as served,
    ):
        assert [200] * 12 == [(await served.ask("GET /x/1")).status for _ in range(12)]
    assert 12 == len(good.heads)


async def _always(peer: Peer) -> bool:
    await peer.send(reply())
    return True


# Connections that were kept for too long.


async def _races(served_by: Recorder, retry: str, *requests: tuple[str, dict[str, str]]) -> tuple[list[Answer], int]:
    """The answers to these requests, and how many failures in a row the target is blamed for."""
    async with scripted(served_by) as port, gateway(route(retry=retry), up=port, upstream=CALM) as served:
        answers = [await served.ask(line, fields, b"b" if line[0] == "P" else b"") for line, fields in requests]
        return answers, served.service().targets[0].failures


@pytest.mark.parametrize("retry", ["2 tries on connect, reset", "2 tries on connect", "2 tries on 503"])
async def test_a_kept_connection_that_closes_as_the_call_comes_is_no_failure(retry: str) -> None:
    """The race that every gateway loses now and then: what may be sent twice is, once, and nobody is blamed for it."""

    async def act(peer: Peer, number: int) -> bool:
        if number in (2, 4, 6):  # the second request of a connection
            return False
        await peer.send(reply(b"%d" % number))
        return True

    recorder = Recorder(act)
    asked = [("GET /x/1", {}), ("GET /x/2", {}), ("POST /x/3", KEY), ("POST /x/4", {})]
    answers, failures = await _races(recorder, retry, *asked)
    assert [(200, b"1"), (200, b"3"), (200, b"5"), (502, b"")] == [
        (answer.status, answer.body if answer.status == 200 else b"") for answer in answers
    ]
    assert b"upstream_reset" in answers[3].body
    assert 1 == sum(head.startswith(b"POST /x/4") for head in recorder.heads)
    assert 0 == failures


async def test_a_stale_connection_is_no_try() -> None:
    """There are as many as the rule says besides, but only the first of them is spared."""

    async def act(peer: Peer, number: int) -> bool:
        if number in (2, 3):
            return False
        await peer.send(reply(b"%d" % number))
        return True

    answers, failures = await _races(Recorder(act), "2 tries on reset", ("GET /x/1", {}), ("GET /x/2", {}))
    assert [b"1", b"4"] == [answer.body for answer in answers]
    assert 0 == failures


async def test_never_means_never() -> None:
    """A route without retries has none, whatever the reason."""

    async def act(peer: Peer, number: int) -> bool:
        if number == 2:
            return False
        await peer.send(reply())
        return True

    answers, _ = await _races(Recorder(act), "never", ("GET /x/1", {}), ("GET /x/2", {}), ("GET /x/3", {}))
    assert [200, 502, 200] == [answer.status for answer in answers]


# Bodies.


async def test_a_body_of_which_a_part_was_taken_is_not_sent_again() -> None:
    """PUT may be repeated, but what is not here any more cannot be."""

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.read(3)

    async with (
        scripted(handler) as port,
        gateway(route(), up=port, upstream=CALM) as served,
        served.wire() as wire,
    ):
        await wire.send(b"PUT /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        answer = await wire.answer()
        assert (502, 1) == (answer.status, (await served.line_of(answer))["tries"])


async def test_a_body_that_nobody_has_asked_for_goes_to_the_next_target() -> None:
    """A connection that does not come about has taken nothing, so that even a POST in pieces is sent on."""
    good = Recorder(lambda peer, number: _always(peer))
    async with AsyncExitStack() as closing:
        well = await closing.enter_async_context(scripted(good))
        gone = closing.enter_context(kept_free())
        served = await closing.enter_async_context(gateway(route(), up=[gone, well], upstream=CALM))
        for _ in range(8):
            wire = await closing.enter_async_context(served.wire())
            await wire.send(b"POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
            await wire.send(b"def")
            assert 200 == (await wire.answer()).status
    assert [b"abcdef"] * 8 == good.bodies


# Many at once.


@pytest.mark.parametrize("calls", [32, 150])
async def test_a_target_that_dies_fails_no_safe_request(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that it was working on is tried again: not all at once, but all of it."""
    monkeypatch.setattr("crossbar.gateway.relay._TURNS", 10)  # a busy machine takes its time
    waiting, dying = asyncio.Semaphore(0), asyncio.Event()
    under_way, again = 0, [0, 0]

    async def good(peer: Peer) -> None:
        while True:
            await peer.request()
            waiting.release()
            if dying.is_set():
                again[0] += 1
                again[1] = max(again)
                await asyncio.sleep(0.002)
                again[0] -= 1
            else:
                await dying.wait()
            await peer.send(reply())

    async def bad(peer: Peer) -> None:
        nonlocal under_way
        await peer.request()
        under_way += 1
        waiting.release()
        await dying.wait()
        peer.reset()

    async with (
        scripted(good) as one,
        scripted(bad) as other,
        gateway(route(), up=[one, other], upstream={"concurrency": 1000}) as served,
    ):
        asking = [asyncio.create_task(served.ask(f"GET /x/{number}")) for number in range(calls)]
        for _ in range(calls):
            await waiting.acquire()
        dying.set()
        assert [200] * calls == [answer.status for answer in await asyncio.gather(*asking)]
    assert under_way > calls // 4
    assert again[1] <= calls // 5 + 3


async def test_a_retry_whose_turn_does_not_come_is_given_up() -> None:
    """Others hold all the places, and nobody waits for ever; an answer that is none too good does not wait at all."""

    async def handler(peer: Peer) -> None:
        head, _ = await peer.request()
        if b"/busy" in head:
            await peer.send(reply(status=b"503 Busy"))

    rules = (route(), route("/busy", retry="2 tries on 503"))
    async with scripted(handler) as port, gateway(*rules, up=port, upstream=CALM) as served:
        budget = served.service().budget
        for _ in range(3):
            budget.begin()
        answer = await served.ask("GET /x/1")
        assert (502, 1) == (answer.status, (await served.line_of(answer))["tries"])
        busy = await served.ask("GET /busy")
        assert (503, 1) == (busy.status, (await served.line_of(busy))["tries"])
        for _ in range(3):
            budget.end()
        answer = await served.ask("GET /x/1")
        assert (502, 2) == (answer.status, (await served.line_of(answer))["tries"])
