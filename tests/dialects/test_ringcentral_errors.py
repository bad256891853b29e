"""RingCentral's error codes, header fields and usage groups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import attrgetter

import pytest

from crossbar import errors
from crossbar.dialects.ringcentral.codes import code_of, code_of_rule
from crossbar.errors import Refusal
from crossbar.settings import Rate, RateGroup
from crossbar.testing import QUICK, Clock, World, small_world

from .ringcentral_desk import NOWHERE, Desk, code, desk_in

CODES = {
    "BadIdentifier": "CMN-102",
    "BadRequest": "CMN-101",
    "Changed": "CMN-406",
    "ClientRefused": "OAU-153",
    "Conflict": "CMN-406",
    "ContentTooLarge": "CMN-101",
    "Fault": "CMN-203",
    "Forbidden": "CMN-408",
    "HeadersTooLarge": "CMN-101",
    "InvalidData": "CMN-101",
    "InvalidEnvelope": "CMN-103",
    "MethodNotAllowed": "CMN-202",
    "NotAcceptable": "CMN-407",
    "NotFound": "CMN-120",
    "PreconditionFailed": "CMN-407",
    "RangeNotSatisfiable": "CMN-107",
    "Redirected": "CMN-101",
    "Refusal": "CMN-101",
    "RequestTimeout": "CMN-101",
    "TimedOut": "CMN-201",
    "TokenExpired": "OAU-128",
    "TokenRefused": "OAU-232",
    "TooManyRequests": "CMN-301",
    "Unauthorized": "OAU-213",
    "Unavailable": "CMN-201",
    "UnsupportedMediaType": "CMN-407",
    "UriTooLong": "CMN-101",
}
_NAME = attrgetter("__name__")
_GIVEN = {"InvalidData": "name", "InvalidEnvelope": "name", "MethodNotAllowed": "GET", "Redirected": "/"}


def refusals() -> Iterator[type[Refusal]]:
    """Every sort of refusal that there is."""
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, Refusal):
            yield value


def made(kind: type[Refusal]) -> Refusal:
    """One of that sort."""
    given = _GIVEN.get(kind.__name__)
    if kind.__name__ == "RangeNotSatisfiable":
        return kind(5)  # type: ignore[arg-type]
    return kind(given) if given is not None else kind()


@pytest.mark.parametrize("kind", sorted(refusals(), key=_NAME), ids=_NAME)
def test_every_refusal_has_its_code(kind: type[Refusal]) -> None:
    """The table is whole, and so is what it says."""
    assert code_of(made(kind)) == CODES[kind.__name__]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("bad_multipart", "CMN-104"),
        ("query_not_allowed", "CMN-105"),
        ("too_many_ids", "CMN-106"),
        ("wrong_id", "CMN-108"),
        ("extension_required", "CMN-405"),
        ("no_token", "OAU-134"),
        ("wrong_scheme", "OAU-151"),
        ("invalid_grant", "OAU-140"),
        ("unsupported_grant_type", "OAU-250"),
    ],
)
def test_words_with_a_code_of_their_own(word: str, expected: str) -> None:
    """A word says more than the class."""
    assert code_of(Refusal(word=word)) == expected


@pytest.mark.parametrize(("rule", "expected"), [("unique", "CMN-406"), ("not_found", "CMN-102"), ("type", "CMN-101")])
def test_rules_of_fields(rule: str, expected: str) -> None:
    """What is taken, what is not there, and everything else."""
    assert code_of_rule(rule) == expected


@pytest.fixture(scope="module")
async def desk(world: World) -> Desk:
    """An account for the tests of this file."""
    return await desk_in(world)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param("", "OAU-134", id="nothing"),
        pytest.param("Digest abc", "OAU-151", id="another-scheme"),
        pytest.param("Bearer abc", "OAU-213", id="no-token"),
    ],
)
async def test_who_is_asking(desk: Desk, field: str, expected: str) -> None:
    """What is wrong with the header field has a code each."""
    assert code(await desk.get("/account/~", {"authorization": field})) == (401, expected, None)


async def test_the_scheme_in_any_case(desk: Desk) -> None:
    """Clients write `bearer` as they got it."""
    token = desk.client.headers["authorization"].partition(" ")[2]
    for scheme in ("bearer", "BEARER", "Bearer"):
        assert (await desk.get("/account/~", {"authorization": f"{scheme} {token}"})).status == 200


async def test_an_expired_token() -> None:
    """Clients refresh when they see that code."""
    clock = Clock()
    world = await small_world(clock=clock)
    desk = await desk_in(world)
    clock.now += 10_000_000
    assert code(await desk.get("/account/~")) == (401, "OAU-128", None)
    await world.app.stop()


async def test_what_may_not_be_done(desk: Desk) -> None:
    """403 in the form of this dialect."""
    _, person = await desk.person(number="102")
    answer = await person.ask("POST", "/account/~/extension", {"contact": {"firstName": "A", "lastName": "B"}})
    assert code(answer)[:2] == (403, "CMN-408")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/account/{NOWHERE}", "accountId"),
        (f"/account/~/extension/{NOWHERE}", "extensionId"),
        (f"/account/~/extension/~/message-store/{NOWHERE}", "messageId"),
        (f"/account/~/call-log/{NOWHERE}", "callRecordId"),
        (f"/account/~/ring-group/{NOWHERE}", "ringGroupId"),
        (f"/account/~/recording/{NOWHERE}/content", "recordingId"),
    ],
)
async def test_ids_that_lead_nowhere(desk: Desk, path: str, name: str) -> None:
    """404 says which parameter it is."""
    assert code(await desk.get(path)) == (404, "CMN-102", name)


@pytest.mark.parametrize("path", ["/nonsense", "/account/~/nonsense", "/restapi/v9/x", "/restapi/v1.0//account"])
async def test_uris_that_there_are_not(desk: Desk, path: str) -> None:
    """404 without a parameter."""
    assert code(await desk.get(path)) == (404, "CMN-120", None)


async def test_header_fields(desk: Desk) -> None:
    """The request's id under RingCentral's name, on errors too."""
    for path, status in (("/account/~", 200), ("/nonsense", 404)):
        answer = await desk.get(path, {"x-request-id": "mine"})
        assert (answer.status, answer.headers["rcrequestid"], answer.headers["x-request-id"]) == (
            status,
            "mine",
            "mine",
        )
        assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert re.fullmatch(r"[0-9a-f]{32}", (await desk.get("/account/~")).headers["rcrequestid"])


@pytest.fixture(scope="module")
async def limited() -> Desk:
    """An account of an application that counts requests."""
    from msgspec.structs import replace

    groups = {"ringcentral_heavy": RateGroup(size=2, refill=2, per="minute")}
    made = await small_world(settings=replace(QUICK, rate=Rate(size=1000, refill=100, groups=groups)))
    return await desk_in(made)


@pytest.mark.parametrize(
    ("path", "group", "limit"),
    [
        ("/account/~", "light", 50),
        ("/account/~/extension/~/message-store", "light", 50),
        ("/account/~/ring-group", "medium", 40),
        ("/account/~/recording", "heavy", 2),
    ],
)
async def test_usage_groups(limited: Desk, path: str, group: str, limit: int) -> None:
    """Each answer says in which group it was counted, how many there may be, and how many are left."""
    headers = (await limited.get(path)).headers
    assert (headers["x-rate-limit-group"], int(headers["x-rate-limit-limit"])) == (group, limit)
    assert 0 <= int(headers["x-rate-limit-remaining"]) < limit
    assert int(headers["x-rate-limit-window"]) == 60


async def test_too_many_requests(limited: Desk) -> None:
    """429 says when to come back, and what was too much, in the header fields and in the body."""
    for _ in range(3):
        answer = await limited.get("/account/~/call-log")
    assert code(answer) == (429, "CMN-301", None)
    retry = int(answer.headers["retry-after"])
    assert 1 <= retry <= 60
    assert answer.json()["rateLimit"] == {"group": "heavy", "limit": 2, "window": 60, "retryAfter": retry}
    assert (answer.headers["x-rate-limit-group"], answer.headers["x-rate-limit-remaining"]) == ("heavy", "0")
    whole = await limited.get("/account/~/call-log/1,2")
    assert code(whole) == (429, "CMN-301", None)
    assert "retry-after" in whole.headers
    assert (await limited.get("/account/~")).status == 200
