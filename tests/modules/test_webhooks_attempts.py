"""Attempts: what is remembered of deliveries, for whom, how much and how long."""

from __future__ import annotations

from crossbar import Query
from crossbar.stores.memory import MemoryStore
from modules.webhooks.attempts import ATTEMPTS, Attempts
from modules.webhooks.deliveries import Delivery, outgoing
from modules.webhooks.options import WebhookOptions
from modules.webhooks.schedule import Outcome

from .tools import Clock, Home, Receiver, answer


async def test_attempts_by_account_and_by_webhook(home: Home, receiver: Receiver) -> None:
    """The account's listing has the attempts of all its webhooks, a webhook's its own; both in pages, newest first."""
    one, other = await home.hook(receiver), await home.hook(receiver)
    for _ in range(3):
        await home.device()
    await home.settled(6)
    assert ({one["id"]}, 3) == ({each["hook_id"] for each in await home.attempts(one)}, len(await home.attempts(other)))
    page = (await home.client.get(f"{home.path}/webhooks/attempts?page_size=4")).json()
    assert (4, True) == (page["page_size"], bool(page["next_start_key"]))
    assert (await home.client.get(f"{home.path}/webhooks/{'f' * 32}/attempts")).status == 404
    filtered = await home.client.get(f"{home.path}/webhooks/attempts?filter_result=failure")
    assert [] == filtered.data


async def test_records_end(home: Home, receiver: Receiver, clock: Clock) -> None:
    """After a week nothing is known any more of an attempt, and a delivery that waited for so long is dropped."""
    hook = await home.hook(receiver)
    receiver.answers.append(answer(500))
    await home.device()
    await home.settled(1)
    assert [7 * 86_400] == [(waiting.expires or 0) - int(clock.now) for waiting in await home.outstanding()]
    clock.now += 7 * 86_400
    await home.log_in_again()
    assert ([], []) == (await home.outstanding(), await home.attempts(hook))


async def test_records_have_a_bound(clock: Clock) -> None:
    """Of each webhook about as many attempts are kept as the option says, the newest; others lose nothing."""
    store = MemoryStore(clock)
    await store.open([ATTEMPTS])
    attempts = Attempts(store, WebhookOptions(attempts=10))
    ids: dict[str, list[str]] = {"busy": [], "idle": []}
    for hook, count in (("idle", 5), ("busy", 150)):
        for second in range(1_780_000_000, 1_780_000_000 + count):
            made = outgoing("account", hook, "host", {"hook_event": "object"}, second, second + 60)
            record = attempts.record(Delivery.read(made.document), None, Outcome(200), 0, second)
            ids[hook].append(record.document.id)
            await store.write([record])
            await attempts.written("account", hook)
    left = {row["id"] for row in (await store.page(Query("account", ATTEMPTS.name, limit=1000))).parsed()}
    assert {*ids["busy"][-10:], *ids["idle"]} == left


async def test_failures_are_counted_beyond_one_page(clock: Clock) -> None:
    """A row of failures is counted to its end, over as many retries as there were."""
    store = MemoryStore(clock)
    await store.open([ATTEMPTS])
    attempts = Attempts(store, WebhookOptions())
    made = outgoing("account", "hook", "host", {"hook_event": "object"}, 1_780_000_000, 1_800_000_000)
    delivery = Delivery.read(made.document)
    outcomes = [(Outcome(200), 0), *[(Outcome(500), left) for _ in range(300) for left in (4, 3, 2, 1, 0)]]
    for second, (outcome, left) in enumerate(outcomes):
        await store.write([attempts.record(delivery, None, outcome, left, 1_780_000_000 + second)])
    asked = [(0, 1000), (0, 250), (1_780_000_000 + 1401, 1000)]
    counts = [await attempts.given_up_in_a_row("account", "hook", since, most) for since, most in asked]
    assert [300, 250, 20] == counts


async def test_the_store_has_no_more_than_that(home: Home, receiver: Receiver) -> None:
    """When everything is delivered, the queue is empty and the attempts carry no secret and no address of ours."""
    await home.hook(receiver)
    for _ in range(3):
        await home.device()
    await home.settled(3)
    assert [] == await home.outstanding()
    keys = {
        "id",
        "hook_id",
        "event_id",
        "hook_event",
        "result",
        "timestamp",
        "method",
        "uri",
        "duration_ms",
        "response_code",
    }
    assert {frozenset(keys)} == {frozenset(made) for made in await home.attempts()}
