"""Whatever is stored through one dialect comes back unchanged through RingCentral's."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Insert, InvalidData
from crossbar.dates import GREGORIAN_EPOCH
from crossbar.dialects.ringcentral import RingCentralDialect
from crossbar.stores import Document
from crossbar.testing import World

from .ringcentral_desk import Desk, code, desk_in

NOUNS = ("accounts", "users", "extensions", "devices", "messages", "sms", "faxes", "recordings", "webhooks", "cdrs")
_JSON = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.text(min_size=1, max_size=12) | st.from_regex(r"[a-z]{1,5}(_[a-z0-9]{1,5}){0,2}", fullmatch=True)


@pytest.fixture(scope="module")
async def desk(world: World) -> Desk:
    """An account for the tests of this file."""
    return await desk_in(world)


def fields_of(world: World, noun: str) -> tuple[Any, frozenset[str]]:
    """How documents of a noun are written, and the names that mean something there."""
    dialect = next(each for each in world.app.dialects if isinstance(each, RingCentralDialect))
    endpoint = world.app.registry.names[noun]

    class Request:
        """As much of a request as fields need."""

        app = world.app
        registry = world.app.registry

    request: Any = Request()
    fields = dialect.fields_of(request, endpoint)
    told = {rule.theirs[0] for rule in fields._rules} | {rule.ours[0] for rule in fields._rules}
    return fields, frozenset({*told, *fields._out, *fields._in, *fields._dropped, "id"})


@pytest.mark.parametrize("noun", NOUNS)
@settings(max_examples=25)
@given(extra=st.dictionaries(_KEYS, _JSON, max_size=5))
def test_keys_that_nobody_knows(world: World, noun: str, extra: dict[str, Any]) -> None:
    """They keep their names and values, at any depth, whatever case they are in."""
    fields, known = fields_of(world, noun)

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(each) for key, each in value.items() if key not in known}
        return [without(each) for each in value] if isinstance(value, list) else value

    body = without(extra)
    assert fields.into(fields.out(deepcopy(body))) == body
    assert fields.out(fields.into(deepcopy(body))) == body | fields._fixed


@pytest.mark.parametrize("noun", NOUNS)
@given(data=st.data())
def test_fields_of_the_schema(world: World, noun: str, data: st.DataObject) -> None:
    """Every field with a rule that goes both ways comes back as it was, in whatever company."""
    fields, _ = fields_of(world, noun)
    body: dict[str, Any] = {}
    for rule in fields._rules:
        if rule.only or len(rule.ours) > 1:
            continue
        if rule.outward:
            ours = sorted(set(rule.inward.values()))  # of several with one name, the one that it means
            value: Any = data.draw(st.sampled_from([{"true": True, "false": False}.get(v, v) for v in ours]))
        elif rule.form:
            value = data.draw(st.integers(GREGORIAN_EPOCH - 62_135_596_800, GREGORIAN_EPOCH + 253_402_300_799))
        else:
            value = data.draw(st.text(max_size=5))
        if data.draw(st.booleans()):
            body[rule.ours[0]] = value
    assert fields.into(fields.out(deepcopy(body))) == body


@settings(max_examples=200)
@given(seconds=st.integers(0, 2**62))
def test_any_number_where_a_time_should_be(world: World, seconds: int) -> None:
    """What no date can say is shown as the number that it is; only a date is taken."""
    fields, _ = fields_of(world, "recordings")
    shown = fields.out({"start": seconds})["startTime"]
    assert isinstance(shown, str) == (-62_135_596_800 <= seconds - GREGORIAN_EPOCH <= 253_402_300_799)
    if isinstance(shown, str):
        assert fields.into({"startTime": shown}) == {"start": seconds}
    else:
        with pytest.raises(InvalidData):
            fields.into({"startTime": shown})


async def test_a_time_that_no_date_can_say(desk: Desk) -> None:
    """It comes back as the number that it was shown as, which changes nothing; another number is refused."""
    id = "9" * 32
    await desk.keep("recordings", id, 1_700_000_000, call_id="c", start=5, owner_id=desk.extension)
    before = await desk.kept("recordings", id)
    shown = (await desk.get(f"/account/~/recording/{id}")).json()
    assert shown["startTime"] == 5
    answer = await desk.ask("PUT", f"/account/~/recording/{id}", shown)
    assert answer.status == 200, answer.body
    assert await desk.kept("recordings", id) == before
    for wrong in (6, 1e30, 63_000_000_000, True):
        answer = await desk.ask("PUT", f"/account/~/recording/{id}", {"startTime": wrong})
        assert code(answer) == (400, "CMN-101", "startTime")


@given(extra=st.dictionaries(_KEYS, _JSON, max_size=3), number=st.integers(0, 2**31))
async def test_there_and_back(desk: Desk, extra: dict[str, Any], number: int) -> None:
    """A device stored through Crossbar, read and written here, is in the store as it was."""
    _, known = fields_of(desk.world, "devices")
    own = {key: value for key, value in extra.items() if key not in known and key[:1] != "_" and key[:4] != "pvt_"}
    own = {key: value for key, value in own.items() if not nested(value, known) and "\0" not in key}
    store = desk.world.app.store
    id = f"{number:032x}"
    body = {"id": id, "name": "Device", "device_type": "softphone", "enabled": True, "owner_id": desk.extension, **own}
    client = await desk.world.client("reseller")
    path = f"/accounts/{desk.account}/devices"
    await client.delete(f"{path}/{id}", query={"should_soft_delete": "false"})
    await store.write([Insert(Document.of(desk.account, "devices", id, body, 1_700_000_000))])
    first = (await client.post(f"{path}/{id}", body)).data
    shown = await desk.get(f"/account/~/device/{id}")
    assert shown.status == 200
    answer = await desk.ask("PUT", f"/account/~/device/{id}", shown.json())
    assert answer.status == 200, answer.body
    assert (await client.get(f"{path}/{id}")).data == first


def nested(value: Any, known: frozenset[str]) -> bool:
    """Whether a value holds a name with a meaning, an empty object, which empties another, or a key that is refused."""
    if isinstance(value, dict):
        return not value or any(key in known or "\0" in key or nested(each, known) for key, each in value.items())
    return isinstance(value, list) and any(nested(each, known) for each in value)
