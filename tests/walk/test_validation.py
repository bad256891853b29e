"""What is checked before anything is stored, and how the client is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar.testing import Client, Response

from .tools import ONE_STORE, SAMPLES, Home, Sample, ids, made, refused

USER = {"first_name": "Ada", "last_name": "Byron"}


def violations(response: Response) -> dict[str, Any]:
    """The violations of a validation error."""
    return refused(response, 400, "validation error")


async def test_all_errors_come_at_once(home: Home) -> None:
    """Every rule that is broken is told in one answer, each under the path of its field."""
    body = {
        "name": "",
        "device_type": "toaster",
        "enabled": "maybe",
        "mac_address": "no",
        "sip": {"username": "a", "expire_seconds": -1, "method": 5},
        "media": {"audio": {"codecs": ["OPUS", "MP3", 7]}},
        "caller_id": {"external": {"name": "x" * 36}},
    }
    assert {
        "name": {"minLength"},
        "device_type": {"enum"},
        "enabled": {"type"},
        "mac_address": {"pattern"},
        "sip.username": {"minLength"},
        "sip.expire_seconds": {"minimum"},
        "sip.method": {"type", "enum"},
        "media.audio.codecs.1": {"enum"},
        "media.audio.codecs.2": {"type", "enum"},
        "caller_id.external.name": {"maxLength"},
    } == {field: set(codes) for field, codes in violations(await home.put("/devices", body)).items()}


# Crossbar reference, section 9: the body, the field, the code, the facts beside the message.
CODES: list[Any] = [
    pytest.param("devices", {}, "name", "required", set(), id="required"),
    pytest.param("devices", {"name": 5}, "name", "type", {"target", "value"}, id="type"),
    pytest.param("devices", {"name": "x", "device_type": "y"}, "device_type", "enum", {"target", "value"}, id="enum"),
    pytest.param("devices", {"name": ""}, "name", "minLength", {"target", "cause", "value"}, id="minLength"),
    pytest.param("devices", {"name": "x" * 129}, "name", "maxLength", {"target", "cause", "value"}, id="maxLength"),
    pytest.param(
        "devices",
        {"name": "x", "sip": {"expire_seconds": -1}},
        "sip.expire_seconds",
        "minimum",
        {"target", "value"},
        id="minimum",
    ),
    pytest.param(
        "devices",
        {"name": "x", "sip": {"expire_seconds": 86401}},
        "sip.expire_seconds",
        "maximum",
        {"target", "value"},
        id="maximum",
    ),
    pytest.param(
        "temporal_rules",
        {"name": "x", "cycle": "daily", "days": [1] * 32},
        "days",
        "maxItems",
        {"target", "value"},
        id="maxItems",
    ),
    pytest.param(
        "menus", {"name": "x", "record_pin": "abc"}, "record_pin", "pattern", {"target", "value"}, id="pattern"
    ),
    pytest.param("users", USER | {"email": "nobody"}, "email", "wrong_format", {"value"}, id="wrong_format"),
]


@ONE_STORE
@pytest.mark.parametrize(("noun", "body", "field", "code", "facts"), CODES)
async def test_each_code_has_its_facts(
    home: Home, noun: str, body: dict[str, Any], field: str, code: str, facts: set[str]
) -> None:
    """A violation has a message for people and the facts that Kazoo gives with this code."""
    told = violations(await home.put(f"/{noun}", body))
    assert {field: [code]} == {name: list(codes) for name, codes in told.items()}
    violation = told[field][code]
    assert isinstance(violation["message"], str)
    assert set() == facts - set(violation)
    if "value" in facts:
        value: Any = body
        for key in field.split("."):
            value = value[key]
        assert value == violation["value"]


async def test_targets_say_what_was_wanted(home: Home) -> None:
    """The target is the rule's own value, with its own type."""
    body = {"name": "", "device_type": "toaster", "sip": {"expire_seconds": -1}}
    told = violations(await home.put("/devices", body))
    assert 1 == told["name"]["minLength"]["target"]
    assert 0 == told["sip.expire_seconds"]["minimum"]["target"]
    assert "softphone" in told["device_type"]["enum"]["target"]


async def test_version_1_has_plain_text(home: Home) -> None:
    """On v1 a code stands beside its sentence, without an object around it."""
    client = Client(home.world.app, home.client.token, "/v1")
    response = await client.put(home.at("/devices"), {"name": "", "sip": {"username": "a"}})
    assert {"name": {"minLength": str}, "sip.username": {"minLength": str}} == {
        field: {code: type(told) for code, told in codes.items()} for field, codes in violations(response).items()
    }


async def test_version_1_has_plain_text_for_unique_fields(home: Home) -> None:
    """On v1 the check for unique fields speaks the same way, as kazoo-sdk's fixtures show."""
    client = Client(home.world.app, home.client.token, "/v1")
    await made(client, home.at("/devices"), {"name": "x", "mac_address": "02005e005301"})
    response = await client.put(home.at("/devices"), {"name": "y", "mac_address": "02005e005301"})
    assert {"mac_address": {"unique": str}} == {
        field: {code: type(told) for code, told in codes.items()} for field, codes in violations(response).items()
    }


async def test_a_dot_inside_a_key_is_written_as_an_escape(home: Home) -> None:
    """A key that holds a dot cannot be mistaken for a path."""
    body = {"name": "Friends", "entries": {"a.b": {"number": ""}}}
    assert {"entries.a%2Eb.number"} == set(violations(await home.put("/lists", body)))


# Defaults.


async def test_defaults_are_stored(home: Home) -> None:
    """What the schema gives by default is there in the answer and in what is read later, also inside new objects."""
    response = await home.put("/devices", {"name": "Desk"})
    expected = {"method": "password", "invite_format": "contact", "expire_seconds": 300}
    read = (await home.get(f"/devices/{response.data['id']}")).data
    assert (expected, expected, True) == (response.data["sip"], read["sip"], read["mwi_unsolicited_updates"])


async def test_defaults_fill_objects_that_are_there(home: Home) -> None:
    """An object that the client sent in part is completed."""
    id = await home.made("/devices", {"name": "Desk", "sip": {"expire_seconds": 60}})
    assert {"method": "password", "invite_format": "contact", "expire_seconds": 60} == (
        await home.get(f"/devices/{id}")
    ).data["sip"]


async def test_defaults_of_a_referenced_schema(home: Home) -> None:
    """A schema that another one refers to gives its defaults, too."""
    id = await home.made("/users", USER | {"call_forward": {"enabled": True, "number": "+12025550100"}})
    forward = (await home.get(f"/users/{id}")).data["call_forward"]
    assert (True, True, True) == (forward["enabled"], forward.get("require_keypress"), forward.get("substitute"))


async def test_a_default_that_was_removed_comes_back(home: Home) -> None:
    """PATCH with null removes a field; where there is a default, that is what is left."""
    id = await home.made("/users", USER | {"priv_level": "admin"})
    assert "user" == (await home.patch(f"/users/{id}", {"priv_level": None})).data["priv_level"]


# Coercion.


@pytest.mark.parametrize(
    ("sip", "field", "expected"),
    [
        ({"expire_seconds": "60"}, "expire_seconds", 60),
        ({"ignore_completed_elsewhere": "true"}, "ignore_completed_elsewhere", True),
        ({"ignore_completed_elsewhere": "false"}, "ignore_completed_elsewhere", False),
    ],
    ids=["integer", "true", "false"],
)
async def test_text_becomes_what_the_schema_wants(home: Home, sip: Any, field: str, expected: Any) -> None:
    """Text that spells an integer or a boolean is stored as one."""
    id = await home.made("/devices", {"name": "Desk", "sip": sip})
    stored = (await home.get(f"/devices/{id}")).data["sip"][field]
    assert (expected, type(expected)) == (stored, type(stored))


async def test_text_becomes_a_number(home: Home) -> None:
    """Text that spells a number is stored as one, deep inside as well."""
    await home.patch("", {"notifications": {"low_balance": {"threshold": "1.5", "enabled": "true"}}})
    assert {"threshold": 1.5, "enabled": True} == (await home.get()).data["notifications"]["low_balance"]


async def test_text_in_lists_is_converted(home: Home) -> None:
    """Items of a list are converted as well."""
    id = await home.made("/temporal_rules", {"name": "x", "cycle": "monthly", "days": ["1", "15"]})
    assert [1, 15] == (await home.get(f"/temporal_rules/{id}")).data["days"]


@ONE_STORE
@pytest.mark.parametrize(
    "text",
    ["maybe", "", " 5", "5 ", "+5", "0x10", "1_000", "5.0.0", "\u0665", "NaN", "Infinity", "null", "1e3"],
    ids=ascii,
)
async def test_other_text_is_not_converted(home: Home, text: str) -> None:
    """Text that Python's own int() would take is still no integer."""
    told = violations(await home.put("/devices", {"name": "Desk", "sip": {"expire_seconds": text}}))
    assert {"sip.expire_seconds": ["type"]} == {field: list(codes) for field, codes in told.items()}


@ONE_STORE
@pytest.mark.parametrize("value", ["TRUE", "True", "yes", "1", 1, 0, [], {}, None], ids=ascii)
async def test_few_things_are_true(home: Home, value: Any) -> None:
    """Only `true` and `false` are booleans, as text or not."""
    assert {"enabled"} == set(violations(await home.put("/devices", {"name": "Desk", "enabled": value})))


async def test_a_converted_value_is_checked_again(home: Home) -> None:
    """Converted text keeps to the other rules, too."""
    told = violations(await home.put("/devices", {"name": "Desk", "sip": {"expire_seconds": "86401"}}))
    assert {"sip.expire_seconds": ["maximum"]} == {field: list(codes) for field, codes in told.items()}


# Unique fields.

UNIQUE: list[Any] = [
    pytest.param("devices", {"name": "x", "mac_address": "02:00:5e:00:53:01"}, "mac_address", id="mac"),
    pytest.param("devices", {"name": "x", "sip": {"username": "user_1"}}, "sip.username", id="sip-username"),
    pytest.param("users", USER | {"username": "ada"}, "username", id="username"),
]


@pytest.mark.parametrize(("noun", "body", "field"), UNIQUE)
async def test_a_unique_field_is_refused_the_second_time(
    home: Home, noun: str, body: dict[str, Any], field: str
) -> None:
    """A second document with the value is refused with `unique`, by PUT, POST and PATCH, and nothing is stored."""
    first = await home.made(f"/{noun}", body)
    told = violations(await home.put(f"/{noun}", body))
    assert {field: ["unique"]} == {name: list(codes) for name, codes in told.items()}
    other = {key: value for key, value in body.items() if key != field.partition(".")[0]}
    second = await home.made(f"/{noun}", other)
    for method in ("POST", "PATCH"):
        assert {field} == set(violations(await home.client.request(method, home.at(f"/{noun}/{second}"), body)))
    assert {first, second} == set(ids(await home.get(f"/{noun}")))
    assert 200 == (await home.post(f"/{noun}/{first}", body)).status


@pytest.mark.parametrize(("noun", "body", "field"), UNIQUE)
async def test_a_unique_value_is_free_again(home: Home, noun: str, body: dict[str, Any], field: str) -> None:
    """What was deleted or changed no longer holds its value."""
    first = await home.made(f"/{noun}", body)
    assert 200 == (await home.delete(f"/{noun}/{first}")).status
    second = await home.made(f"/{noun}", body)
    outer = field.partition(".")[0]
    assert 200 == (await home.patch(f"/{noun}/{second}", {outer: None})).status
    await home.made(f"/{noun}", body)


@pytest.mark.parametrize(("noun", "body", "field"), UNIQUE)
async def test_a_unique_value_is_free_in_another_account(
    home: Home, noun: str, body: dict[str, Any], field: str
) -> None:
    """Accounts do not get in each other's way."""
    await home.made(f"/{noun}", body)
    other = await made(home.client, home.at(), {"name": f"Below {home.id}"})
    await made(home.client, f"/accounts/{other}/{noun}", body)


@pytest.mark.parametrize(("noun", "body", "field"), UNIQUE)
async def test_of_concurrent_creates_one_succeeds(home: Home, noun: str, body: dict[str, Any], field: str) -> None:
    """Of many creates at the same time exactly one gets the value; the others are told that it is taken."""
    answers = await asyncio.gather(*(home.put(f"/{noun}", body) for _ in range(8)))
    assert [201, *[400] * 7] == sorted(answer.status for answer in answers)
    assert {field} == {name for answer in answers if answer.status == 400 for name in violations(answer)}
    assert 1 == len((await home.get(f"/{noun}")).data)


@pytest.mark.parametrize("body", [{}, {"mac_address": None}, {"sip": {}}], ids=["missing", "null", "no-sip"])
async def test_what_is_missing_never_clashes(home: Home, body: dict[str, Any]) -> None:
    """Many documents may be without the field; null where it may not stand is an error of its own."""
    answers = [await home.put("/devices", {"name": "x"} | body) for _ in range(2)]
    assert [400 if None in body.values() else 201] * 2 == [answer.status for answer in answers]


async def test_account_names_and_realms_are_unique(home: Home) -> None:
    """Two accounts cannot have one name or one realm, wherever they stand in the tree, in any letter case."""
    own = (await home.get()).data
    for body in ({"name": own["name"]}, {"name": f"Other {home.id}", "realm": own["realm"].upper()}):
        field = "realm" if "realm" in body else "name"
        assert {field: ["unique"]} == {
            name: list(codes) for name, codes in violations(await home.client.put("/accounts", body)).items()
        }


@pytest.mark.parametrize(
    "spell",
    [str.upper, str.lower, lambda name: name.replace(" ", ""), lambda name: f" {name} "],
    ids=["upper", "lower", "no-blanks", "blanks-around"],
)
async def test_account_names_are_unique_as_logins_read_them(home: Home, spell: Any) -> None:
    """A name that a login could not tell from another account's is taken: nobody may stand in its way."""
    name = f"Nice Name {home.id}"
    await made(home.client, home.at(), {"name": name})
    stranger = await home.world.client("stranger")
    response = await stranger.put("/accounts", {"name": spell(name)})
    assert {"name": ["unique"]} == {field: list(codes) for field, codes in violations(response).items()}


# Ids.

RESERVED = ["users", "devices", "accounts", "schemas", "user_auth", "groups", "about"]


@pytest.mark.parametrize("id", RESERVED)
@pytest.mark.parametrize("sample", SAMPLES[:2], ids=lambda sample: sample.noun)
async def test_an_id_that_no_path_can_reach_is_refused(home: Home, sample: Sample, id: str) -> None:
    """An id equal to an endpoint's name (or to the word for one's own account) is refused, naming `id`."""
    assert {"id"} == set(violations(await home.put(f"/{sample.noun}", sample.body | {"id": id})))
    assert [] == ids(await home.get(f"/{sample.noun}"))


async def test_an_account_id_that_no_path_can_reach_is_refused(home: Home) -> None:
    """Accounts keep to the same rule, wherever they are made."""
    for path in ("/accounts", home.at()):
        assert {"id"} == set(violations(await home.client.put(path, {"name": f"Other {home.id}", "id": "users"})))


async def test_a_free_id_is_ours_to_choose(home: Home) -> None:
    """Any other id of the client's is passed over: ids are made here."""
    response = await home.put("/devices", {"name": "Desk", "id": "my-own-id"})
    assert (201, False) == (response.status, response.data["id"] == "my-own-id")


# Nothing is stored that is not right.


@pytest.mark.parametrize(
    "patch",
    [{"name": None}, {"name": ""}, {"sip": {"expire_seconds": "soon"}}, {"sip": []}, {"mac_address": "x", "marker": 2}],
    ids=["required", "too-short", "deep", "whole-object", "beside-a-good-one"],
)
async def test_a_patch_that_makes_the_document_invalid_changes_nothing(home: Home, patch: dict[str, Any]) -> None:
    """The merged document is what is checked, and a refused one leaves no trace."""
    id = await home.made("/devices", {"name": "Desk", "marker": 1})
    before = await home.get(f"/devices/{id}")
    assert 400 == (await home.patch(f"/devices/{id}", patch)).status
    after = await home.get(f"/devices/{id}")
    assert (before.data, before.headers["etag"]) == (after.data, after.headers["etag"])


async def test_patches_cannot_grow_a_document_beyond_the_limits(home: Home) -> None:
    """The limits of one body hold for the merged document as well: it must stay one that can be sent back."""
    id = await home.made("/devices", {"name": "Desk"})
    statuses = []
    for number in range(3):
        patch = {f"key_{number}_{position}": 1 for position in range(900)}
        statuses.append((await home.patch(f"/devices/{id}", patch)).status)
    assert [200, 400, 400] == statuses
    whole = (await home.get(f"/devices/{id}")).data
    assert 200 == (await home.post(f"/devices/{id}", whole)).status


async def test_concurrent_patches_lose_nothing(home: Home) -> None:
    """Of patches at the same time, those that were acknowledged are all there; the others are told to try again."""
    id = await home.made("/devices", {"name": "Desk"})
    answers = await asyncio.gather(*(home.patch(f"/devices/{id}", {f"key_{number}": 1}) for number in range(8)))
    assert {200, 409} >= {answer.status for answer in answers}
    stored = (await home.get(f"/devices/{id}")).data
    acknowledged = {f"key_{number}" for number, answer in enumerate(answers) if answer.status == 200}
    assert acknowledged == {key for key in stored if key.startswith("key_")}
    assert acknowledged


async def test_a_document_with_another_parent_is_not_made_below_this_one(home: Home) -> None:
    """What is made below a user belongs to that user: another owner in the body does not make a stray document."""
    one, other = [await home.made("/users", USER) for _ in range(2)]
    response = await home.put(f"/users/{one}/devices", {"name": "Desk", "owner_id": other})
    if response.status == 201:
        assert one == response.data["owner_id"]
        assert 200 == (await home.client.get("/" + response.headers["location"])).status
    else:
        assert {"owner_id"} == set(violations(response))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_write_below_a_parent_keeps_the_parent(home: Home, method: str) -> None:
    """A document that was replaced below a user without naming the user can still be found there."""
    user = await home.made("/users", USER)
    device = await home.made(f"/users/{user}/devices", {"name": "Desk"})
    path = home.at(f"/users/{user}/devices/{device}")
    assert 200 == (await home.client.request(method, path, {"name": "Hall"})).status
    read = await home.client.get(path)
    assert (200, user) == (read.status, read.data.get("owner_id"))


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH"])
async def test_a_password_is_never_repeated(home: Home, method: str) -> None:
    """A password that breaks a rule is not shown in the error."""
    id = await home.made("/users", USER)
    path = home.at("/users" if method == "PUT" else f"/users/{id}")
    for password in ("s3cr3t!", ["s3cr3t!"], {"s3cr3t!": "s3cr3t!"}, "s3cr3t!" * 50):
        response = await home.client.request(method, path, USER | {"username": "a b", "password": password})
        assert "password" in violations(response)
        assert b"s3cr3t!" not in response.body


async def test_private_names_reach_no_rule(home: Home) -> None:
    """Private fields are taken off before anything is checked, so they cannot break a rule either."""
    response = await home.put("/devices", {"name": "Desk", "_rev": 1, "pvt_type": [], "_id": {}})
    assert (201, set()) == (response.status, {"_rev", "pvt_type", "_id"} & set(response.data))
