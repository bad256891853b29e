"""Failed logins: counted, slowed, refused; the same for accounts that there are and for those that there are not."""

from __future__ import annotations

import asyncio
import itertools
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from crossbar import Context, Endpoint, Principal, Unauthorized
from crossbar.limits.attempts import LONGEST_DELAY, delay
from crossbar.settings import Auth, Rate
from crossbar.testing import Client, Response, World

from .addresses import RIGHT, WRONG, at, counting, tried
from .tools import refused

CUSTOMER = "c0" * 16
FREE = Rate(enabled=False)


def hashes(world: World) -> list[str]:
    """Whatever reaches the hasher from now on."""
    found: list[str] = []
    hasher = world.app.hasher
    digest = hasher.digest_now

    def noted(credentials: str, account_id: str) -> str:
        found.append(credentials)
        return digest(credentials, account_id)

    hasher.digest_now = noted  # type: ignore[method-assign]
    return found


@contextmanager
def held(world: World) -> Iterator[None]:
    """No hash ends while this is entered."""
    free = threading.Event()
    digest = world.app.hasher.digest_now

    def patient(credentials: str, account_id: str) -> str:
        free.wait()
        return digest(credentials, account_id)

    world.app.hasher.digest_now = patient  # type: ignore[method-assign]
    try:
        yield
    finally:
        free.set()


async def by_basic(world: World, credentials: str, address: str, account: str = CUSTOMER) -> Response:
    """The response to a request with a Basic credential."""
    field = b64encode(f"{account}:{credentials}".encode()).decode()
    return await Client(at(world.app, address)).get("/account", headers={"authorization": f"Basic {field}"})


async def by_key(world: World, key: str, address: str) -> Response:
    """The response to a login with an API key."""
    return await Client(at(world.app, address)).put("/api_auth", {"api_key": key})


# The bound.


@pytest.mark.parametrize("account", ["customer", "nobody"])
async def test_ten_failures_from_one_address(account: str) -> None:
    """The eleventh try is refused without a hash, and so is the right password, until a quarter of an hour is over."""
    async with counting(FREE) as (world, clock):
        seen = hashes(world)
        assert [401] * 10 == [(await tried(world, account=account)).status for _ in range(10)]
        answer = await tried(world, RIGHT)
        refused(answer, 429, "too_many_requests")
        assert ("900", 10) == (answer.headers["retry-after"], len(seen))
        clock.now += 899
        assert "1" == (await tried(world, account=account)).headers["retry-after"]
        clock.now += 1
        assert 201 == (await tried(world, RIGHT)).status


@pytest.mark.parametrize("account", ["customer", "nobody"])
async def test_ten_failures_at_one_account(account: str) -> None:
    """From ever new addresses it is the account that is closed; others are not."""
    async with counting(FREE) as (world, _):
        statuses = [(await tried(world, address=f"192.0.2.{number}", account=account)).status for number in range(12)]
        assert [401] * 10 + [429] * 2 == statuses
        assert 401 == (await tried(world, address="192.0.2.100", account="reseller")).status


async def test_the_ways_to_name_an_account_are_one_account() -> None:
    """Name, realm, id and Basic count together."""
    async with counting(FREE) as (world, _):
        names = [{"account_name": "Cust Omer"}, {"account_realm": "customer.example.com"}, {"account_id": CUSTOMER}]
        for number in range(9):
            assert 401 == (await tried(world, address=f"192.0.2.{number}", **names[number % 3])).status
        assert 401 == (await by_basic(world, WRONG, "192.0.2.20")).status
        assert [429, 429] == [(await tried(world, address="192.0.2.21", **name)).status for name in names[:2]]
        assert 429 == (await by_basic(world, RIGHT, "192.0.2.22")).status


async def test_all_kinds_of_logins_count_at_an_address() -> None:
    """Who is refused at one door does not try the next one; a known token still opens."""
    async with counting(FREE) as (world, _):
        for _ in range(4):
            assert 401 == (await tried(world)).status
            assert 401 == (await by_key(world, "0" * 64, "192.0.2.1")).status
        assert [401, 401] == [(await by_basic(world, WRONG, "192.0.2.1", "f" * 32)).status for _ in range(2)]
        answers = [await tried(world, RIGHT), await by_key(world, "0" * 64, "192.0.2.1")]
        answers.append(await by_basic(world, RIGHT, "192.0.2.1"))
        assert [429, 429, 429] == [answer.status for answer in answers]
        token = await world.token("customer")
        assert 200 == (await Client(at(world.app, "192.0.2.1"), token).get("/account")).status


async def test_answers_tell_nothing_about_accounts_and_users() -> None:
    """Unknown account, unknown user, wrong password, disabled account: the same words, step by step."""
    off = "d0" * 16
    async with counting(FREE) as (world, _):
        customer = await world.client("customer")
        await customer.patch(f"/accounts/{off}", {"enabled": False})
        told = []
        for number, name in enumerate(["customer", "nobody", "department"]):
            answers = [await tried(world, WRONG, f"192.0.2.{number}", name) for _ in range(11)]
            facts = [(each.status, each.json()["data"], each.headers.get("retry-after")) for each in answers]
            told.append(facts)
        assert told[0] == told[1] == told[2]
        assert [401] * 10 + [429] == [status for status, *_ in told[0]]


async def test_fifty_at_once() -> None:
    """Tries that come together are not free: ten reach the hasher, and other requests are answered meanwhile."""
    async with counting(FREE) as (world, _):
        seen = hashes(world)
        client = await world.client("customer")
        logins = [asyncio.create_task(tried(world, address=f"192.0.2.{number}")) for number in range(50)]
        assert 200 == (await client.get("/account")).status
        statuses = sorted([(await login).status for login in logins])
        assert ([401] * 10 + [429] * 40, 10) == (statuses, len(seen))


async def test_fifty_good_ones_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may succeed has to wait for its turn, and then succeeds."""
    monkeypatch.setattr("crossbar.limits.attempts._PATIENCE_SECONDS", 100.0)  # a busy machine takes its time
    async with counting(FREE) as (world, _):
        answers = await asyncio.gather(*(tried(world, RIGHT, f"192.0.2.{number}") for number in range(50)))
        assert {201} == {answer.status for answer in answers}


# Who is let in all the same.


async def test_a_success_forgets_the_failures_of_its_address() -> None:
    """Nine typing errors and a success, again and again, lock nobody out."""
    async with counting(FREE) as (world, _):
        for _ in range(3):
            assert [401] * 9 == [(await tried(world)).status for _ in range(9)]
            assert 201 == (await tried(world, RIGHT)).status


async def test_a_stranger_cannot_lock_the_owner_out() -> None:
    """Where somebody has logged in lately, the failures of other addresses do not count."""
    async with counting(FREE) as (world, clock):
        assert 201 == (await tried(world, RIGHT, "198.51.100.1")).status
        for number in range(12):
            await tried(world, address=f"192.0.2.{number}")
        assert 429 == (await tried(world, RIGHT, "192.0.2.99")).status
        assert 201 == (await tried(world, RIGHT, "198.51.100.1")).status
        # It has a count of its own, though.
        assert [401] * 10 + [429] == [(await tried(world, WRONG, "198.51.100.1")).status for _ in range(11)]
        clock.now += 8 * 86_400
        for number in range(10):
            await tried(world, address=f"192.0.2.{number}")
        assert 429 == (await tried(world, RIGHT, "198.51.100.1")).status


async def test_another_account_does_not_help() -> None:
    """A success at one's own account forgives nothing at that of others."""
    async with counting(FREE) as (world, _):
        for number in range(10):
            address = f"192.0.2.{number}"
            assert 401 == (await tried(world, address=address)).status
            assert 201 == (await tried(world, RIGHT, address, "stranger")).status
        assert 429 == (await tried(world, RIGHT, "192.0.2.30")).status


# How it is slowed.


async def test_answers_come_later_and_later() -> None:
    """The first failures are answered at once, then each takes longer, up to two seconds; a success never waits."""
    async with counting(FREE) as (world, _):
        delays: list[float] = []

        async def noted(seconds: float) -> None:
            delays.append(seconds)

        world.app.logins.pause = noted
        for _ in range(9):
            await tried(world)
        await tried(world, RIGHT)
        assert [delay(number) for number in range(1, 10)] == delays
        assert (0.0, LONGEST_DELAY) == (delays[1], delays[-1])
        assert delays == sorted(delays)


async def test_who_waits_holds_no_thread() -> None:
    """While failures are held back, good logins are served."""
    async with counting(FREE, Auth(hash_memory=8, hash_threads=1)) as (world, _):
        held = asyncio.Event()

        async def until_told(seconds: float) -> None:
            await held.wait()

        world.app.logins.pause = until_told
        failing = [asyncio.create_task(tried(world, address=f"192.0.2.{number}")) for number in range(5)]
        assert 201 == (await tried(world, RIGHT, "198.51.100.1", "reseller")).status
        held.set()
        assert [401] * 5 == [(await login).status for login in failing]


async def test_a_client_that_goes_away_has_tried() -> None:
    """Whoever does not wait for the answer is counted like whoever does."""
    async with counting(FREE) as (world, _):
        for number in range(10):
            login = asyncio.create_task(tried(world, address=f"192.0.2.{number}"))
            await asyncio.sleep(0)
            while not world.app.logins.table.look("failures at " + CUSTOMER)[0].much >> 20:  # noqa: ASYNC110
                await asyncio.sleep(0)
            login.cancel()
            await asyncio.gather(login, return_exceptions=True)
        assert 429 == (await tried(world, RIGHT, "192.0.2.30")).status


# What is too much.


async def test_long_passwords_are_not_hashed() -> None:
    """More than 1,024 bytes are wrong at once, in a Basic credential; a login by name takes digests only."""
    async with counting(FREE) as (world, _):
        seen = hashes(world)
        assert 401 == (await by_basic(world, "x" * 1025, "192.0.2.1")).status
        assert 401 == (await by_basic(world, "\u00e9" * 513, "192.0.2.1")).status
        assert 400 == (await tried(world, "x" * 2000)).status
        assert [] == seen
        assert 401 == (await by_basic(world, "x" * 1024, "192.0.2.1")).status
        assert ["x" * 1024] == seen


async def test_long_names_take_no_room() -> None:
    """What a Basic credential calls an account becomes a key of fixed length."""
    async with counting(FREE) as (world, _):
        for _ in range(3):
            await by_basic(world, WRONG, "192.0.2.1", "n" * 10_000)
        table: Any = world.app.logins.table
        assert max(len(key) for key in table._entries) < 150


async def test_a_queue_that_is_full() -> None:
    """Beyond `auth.hash_queue` waiting logins, more are sent away with 503, and it is no failure of theirs."""
    async with counting(FREE, Auth(hash_memory=8, hash_threads=1, hash_queue=2)) as (world, _):
        tries = [tried(world, WRONG, f"192.0.2.{number}", f"nobody {number}") for number in range(10)]
        asked = [asyncio.create_task(login) for login in tries]
        with held(world):
            sent_away = [await answer for answer in itertools.islice(asyncio.as_completed(asked), 7)]
            assert [(503, "5")] * 7 == [(answer.status, answer.headers["retry-after"]) for answer in sent_away]
        answers = await asyncio.gather(*asked)
        assert [401] * 3 + [503] * 7 == sorted(answer.status for answer in answers)
        assert 201 == (await tried(world, RIGHT, "192.0.2.9")).status


async def test_no_bound() -> None:
    """`auth.login_failures = 0` counts nothing."""
    async with counting(FREE, Auth(hash_memory=8, login_failures=0)) as (world, _):
        assert [401] * 15 == [(await tried(world)).status for _ in range(15)]
        assert 201 == (await tried(world, RIGHT)).status


# For authors.


class Pins(Endpoint):
    """A login of an author's own."""

    name = "pins"
    anywhere = True

    async def authenticate(self, ctx: Context) -> Principal:
        """Let everybody try."""
        return Principal("", method="pin")

    async def create(self, ctx: Context) -> dict[str, bool]:
        """Say whether the pin is right."""
        async with ctx.app.logins.attempt(ctx, "the safe"):
            if ctx.body["pin"] == "crash":
                raise RuntimeError("out of order")
            if ctx.body["pin"] != "1234":
                raise Unauthorized("wrong pin")
        return {"open": True}


async def test_a_login_of_an_author() -> None:
    """The same bound for whatever a module checks; what crashes has not been a try."""
    async with counting(FREE, endpoints=[Pins()]) as (world, _):
        client = Client(at(world.app, "192.0.2.1"))
        crashed = [(await client.put("/pins", {"pin": "crash"})).status for _ in range(12)]
        wrong = [(await client.put("/pins", {"pin": "0000"})).status for _ in range(11)]
        assert ([500] * 12, [401] * 10 + [429]) == (crashed, wrong)
        assert 429 == (await client.put("/pins", {"pin": "1234"})).status
