"""Rights over all dialects: the same questions in each of them, and the same answers as in Crossbar's own."""

from __future__ import annotations

from typing import Any

import pytest

from .people import OTHERS, SAME, SPEECHES, Town, person, told

EACH = pytest.mark.parametrize("dialect", SPEECHES)
FOREIGN = pytest.mark.parametrize("dialect", [name for name in SPEECHES if name != "crossbar"])
STATUSES = {"crossbar": 200, "ringcentral": 204, "realm": 204}


def body_of(dialect: str, data: Any) -> Any:
    """A body: `PERSON` stands for a new extension."""
    return person(dialect) if data == "PERSON" else data


# The tenant rule. What is asked for as operation, nouns and data.
OPERATIONS: dict[str, tuple[str, str, Any]] = {
    "account-read": ("read", "accounts:{account}", None),
    "account-patch": ("patch", "accounts:{account}", {"language": "de"}),
    "account-children": ("read", "accounts:{account}:children", None),
    "account-parents": ("read", "accounts:{account}:parents", None),
    "account-key": ("read", "accounts:{account}:api_key", None),
    "extensions": ("find", "accounts:{account} extensions", None),
    "extension-create": ("create", "accounts:{account} extensions", "PERSON"),
    "extension": ("read", "accounts:{account} extensions:{user}", None),
    "extension-patch": ("patch", "accounts:{account} extensions:{user}", {"language": "de"}),
    "extension-devices": ("find", "accounts:{account} extensions:{user} devices", None),
    "extension-device": ("read", "accounts:{account} extensions:{user} devices:{device}", None),
    "extension-calls": ("find", "accounts:{account} extensions:{user} cdrs", None),
    "extension-messages": ("find", "accounts:{account} extensions:{user} messages", None),
    "extension-photo": ("delete", "accounts:{account} extensions:{user}:photo", None),
    "device-create": ("create", "accounts:{account} devices", {"name": "Hall"}),
    "device": ("read", "accounts:{account} devices:{device}", None),
    "device-patch": ("patch", "accounts:{account} devices:{device}", {"name": "Hall"}),
    "device-replace": ("replace", "accounts:{account} devices:{device}", {"name": "Hall"}),
    "device-delete": ("delete", "accounts:{account} devices:{device}", None),
    "limits": ("find", "accounts:{account} limits", None),
    "webhooks": ("find", "accounts:{account} webhooks", None),
    "applications": ("find", "accounts:{account} applications", None),
    "token-restrictions": ("find", "accounts:{account} token_restrictions", None),
}


@EACH
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_tenant_rule(town: Town, dialect: str, operation: str) -> None:
    """One's own account and those below answer; all others give what a nonexistent one gives, to the byte."""
    name, text, data = OPERATIONS[operation]
    boss = await town.client(dialect)
    answers = {}
    for who in OTHERS:
        response = await boss.operate(name, *town.nouns(text, who), body=body_of(dialect, data), headers=SAME)
        assert 404 == response.status, response.body
        answers[who] = (told(response), town.blank(response.body, who))
    assert dict.fromkeys(OTHERS, answers["nonexistent"]) == answers
    missing = {"extension-photo", "token-restrictions"}  # nobody has any
    for who in ("self", "child"):
        response = await boss.operate(name, *town.nouns(text, who), body=body_of(dialect, data))
        assert (404 if operation in missing else 2) == (
            response.status if operation in missing else response.status // 100
        ), response.body


# Documents of others below one's own account.
BY_ID: dict[str, tuple[str, str, Any]] = {
    "extension": ("read", "accounts:{mine} extensions:{user}", None),
    "extension-patch": ("patch", "accounts:{mine} extensions:{user}", {"language": "de"}),
    "extension-devices": ("find", "accounts:{mine} extensions:{user} devices", None),
    "extension-devices-create": ("create", "accounts:{mine} extensions:{user} devices", {"name": "Hall"}),
    "own-device-below": ("read", "accounts:{mine} extensions:{user} devices:{my_device}", None),
    "device-below-own": ("read", "accounts:{mine} extensions:{my_user} devices:{device}", None),
    "device-below-own-patch": ("patch", "accounts:{mine} extensions:{my_user} devices:{device}", {"name": "x"}),
    "device": ("read", "accounts:{mine} devices:{device}", None),
    "device-delete": ("delete", "accounts:{mine} devices:{device}", None),
    "messages-below": ("find", "accounts:{mine} extensions:{user} messages", None),
    "photo-below": ("read", "accounts:{mine} extensions:{user}:photo", None),
    "two-accounts": ("read", "accounts:{mine} accounts:{account} devices:{device}", None),
    "without-account": ("read", "extensions:{user} devices:{device}", None),
    "without-any": ("read", "devices:{device}", None),
}


@EACH
@pytest.mark.parametrize("operation", BY_ID)
async def test_documents_of_others_by_their_ids(town: Town, dialect: str, operation: str) -> None:
    """Below one's own account the ids of other accounts, also of those below, are as good as missing, to the byte."""
    name, text, data = BY_ID[operation]
    boss = await town.client(dialect)
    answers = {}
    for who in ("child", *OTHERS):
        if who == "child" and operation == "two-accounts":
            continue
        response = await boss.operate(name, *town.nouns(text, who), body=data, headers=SAME)
        assert response.status in (403, 404), response.body
        answers[who] = (told(response), town.blank(response.body, who))
    assert dict.fromkeys(answers, answers["nonexistent"]) == answers


@EACH
async def test_nothing_is_changed_by_what_is_refused(town: Town, dialect: str) -> None:
    """After all refused writes, what the others have is as it was."""
    store = town.world.app.store

    async def state() -> list[Any]:
        found = []
        for who in OTHERS[:-1]:
            found.append(await store.get("", "accounts", town.accounts[who]))
            for kind, ids in (("users", town.users), ("devices", town.devices)):
                found.append(await store.get(town.accounts[who], kind, ids[who]))
        return found

    before = await state()
    assert None not in before
    boss = await town.client(dialect)
    for name, text, data in (*OPERATIONS.values(), *BY_ID.values()):
        for who in OTHERS:
            if name not in ("find", "read"):
                await boss.operate(name, *town.nouns(text, who), body=body_of(dialect, data))
    assert before == await state()


# Roles.

FOR_ADMINISTRATORS: dict[str, tuple[str, str, Any]] = {
    "account-patch": ("patch", "accounts:{mine}", {"language": "de"}),
    "account-create": ("create", "accounts", {"name": "Mine"}),
    "account-children": ("read", "accounts:{mine}:children", None),
    "account-key": ("read", "accounts:{mine}:api_key", None),
    "extension-create": ("create", "accounts:{mine} extensions", "PERSON"),
    "extension-delete": ("delete", "accounts:{mine} extensions:{user}", None),
    "webhooks": ("find", "accounts:{mine} webhooks", None),
    "webhook-missing": ("read", "accounts:{mine} webhooks:nowhere", None),
    "applications": ("find", "accounts:{mine} applications", None),
    "token-restrictions": ("find", "accounts:{mine} token_restrictions", None),
    "group-create": ("create", "accounts:{mine} groups", {"name": "All", "endpoints": {}}),
}


@EACH
@pytest.mark.parametrize("operation", FOR_ADMINISTRATORS)
async def test_what_is_for_administrators(town: Town, dialect: str, operation: str) -> None:
    """A user is told so, whether what the path names is there or not."""
    name, text, data = FOR_ADMINISTRATORS[operation]
    user = await town.client(dialect, boss=False)
    answers = set()
    for who in ("self", "child", "nonexistent"):
        response = await user.operate(name, *town.nouns(text, who), body=body_of(dialect, data), headers=SAME)
        assert 403 == response.status, response.body
        assert SPEECHES[dialect].word(response) in ("forbidden", "CMN-408", "access_denied")
        answers.add(town.blank(response.body, who))
    assert 1 == len({answer.replace(user.token.encode() if user.token else b"", b"") for answer in answers})


OWN: dict[str, tuple[str, str, Any]] = {
    "extension": ("read", "accounts:{{mine}} extensions:{{{whose}}}", None),
    "extension-patch": ("patch", "accounts:{{mine}} extensions:{{{whose}}}", {"language": "de"}),
    "devices": ("find", "accounts:{{mine}} extensions:{{{whose}}} devices", None),
    "devices-create": ("create", "accounts:{{mine}} extensions:{{{whose}}} devices", {"name": "Hall"}),
    "calls": ("find", "accounts:{{mine}} extensions:{{{whose}}} cdrs", None),
    "messages": ("find", "accounts:{{mine}} extensions:{{{whose}}} messages", None),
    "device": ("read", "accounts:{{mine}} devices:{{{thing}}}", None),
    "device-patch": ("patch", "accounts:{{mine}} devices:{{{thing}}}", {"name": "Hall"}),
    "device-delete": ("delete", "accounts:{{mine}} devices:{{{thing}}}", None),
}


@EACH
@pytest.mark.parametrize("operation", OWN)
async def test_the_documents_of_a_user(town: Town, dialect: str, operation: str) -> None:
    """A user has their own; those of the administrator are as good as missing, to the byte."""
    name, text, data = OWN[operation]
    user = await town.client(dialect, boss=False)
    answers = []
    for whose, thing, who in (("boss", "desk", "self"), ("user", "device", "child"), ("user", "device", "nonexistent")):
        nouns = town.nouns(text.format(whose=whose, thing=thing), who)
        response = await user.operate(name, *nouns, body=data, headers=SAME)
        assert 404 == response.status, response.body
        answers.append((told(response), town.blank(response.body, who)))
    assert [answers[0]] * 3 == answers
    nouns = town.nouns(text.format(whose="user", thing="device"), "self")
    assert 200 <= (await user.operate(name, *nouns, body=data)).status < 300


@EACH
@pytest.mark.parametrize("noun", ["devices", "extensions", "users"])
async def test_listings_of_a_user(town: Town, dialect: str, noun: str) -> None:
    """A user finds their own in listings, whatever words the query has."""
    user = await town.client(dialect, boss=False)
    own = town.devices if noun == "devices" else town.users
    for query in ({}, {"owner_id": town.bosses["self"]}, {"id": own["self"]}, {"extension.id": town.users["self"]}):
        for more in ({}, {"per_page": "1"}, {"perPage": "max"}, {"page_size": "1"}):
            rows = await user.every(*town.nouns(f"accounts:{{mine}} {noun}", "self"), query={**query, **more})
            assert {row["id"] for row in rows} <= {own["self"]}
    assert [own["self"]] == [row["id"] for row in await user.every(*town.nouns(f"accounts:{{mine}} {noun}", "self"))]


# Fields that are not a user's to set, by every name that a dialect has for them.
KEPT: dict[str, list[dict[str, Any]]] = {
    "crossbar": [{"number": "7"}, {"priv_level": "admin"}, {"enabled": False}, {"extension_type": "fax"}],
    "ringcentral": [
        *({"extensionNumber": "7"}, {"number": "7"}, {"privLevel": "admin"}, {"priv_level": "admin"}),
        *({"status": "Disabled"}, {"enabled": False}, {"type": "FaxUser"}, {"extension_type": "fax"}),
        *({"extensionType": "fax"}, {"extensionGroupId": "a" * 32}, {"extension_group_id": "a" * 32}),
        *({"callRestriction": {"a": {"action": "deny"}}}, {"call_restriction": {"a": {"action": "deny"}}}),
    ],
    "realm": [
        *({"name": "7"}, {"number": "7"}, {"priv_level": "admin"}, {"status": "blocked"}, {"enabled": False}),
        *({"type": "fax"}, {"extension_type": "fax"}, {"extension_group_id": "a" * 32}),
        {"call_restriction": {"a": {"action": "deny"}}},
    ],
}
RIGHTS = ("number", "priv_level", "enabled", "extension_type", "extension_group_id", "call_restriction", "owner_id")


@pytest.mark.parametrize(
    ("dialect", "data"),
    [pytest.param(dialect, data, id=f"{dialect}-{next(iter(data))}") for dialect in KEPT for data in KEPT[dialect]],
)
@pytest.mark.parametrize("noun", ["extensions", "users"])
async def test_fields_for_administrators(town: Town, dialect: str, data: dict[str, Any], noun: str) -> None:
    """A user cannot change what gives rights; the error names the field as the dialect does."""
    user = await town.client(dialect, boss=False)
    store, account = town.world.app.store, town.accounts["self"]
    before = await store.get(account, "users", town.users["self"])
    assert before is not None
    nouns = town.nouns(f"accounts:{{mine}} {noun}:{{user}}", "self")
    for operation in ("patch", "replace"):
        body = {"first_name": "Ada", "last_name": "Byron", **data} if operation == "replace" else data
        response = await user.operate(operation, *nouns, body=body)
        assert 400 == response.status or _says_nothing(dialect, noun, data), response.body
    after = await store.get(account, "users", town.users["self"])
    assert after is not None
    assert [before.data().get(name) or None for name in RIGHTS] == [after.data().get(name) or None for name in RIGHTS]
    assert before.private == after.private


def _says_nothing(dialect: str, noun: str, data: dict[str, Any]) -> bool:
    """Whether a field is one of the client's own in this dialect: the words for extensions are none for users."""
    return (dialect, noun) == ("realm", "users") and data.keys() <= {"name", "type"}


@FOREIGN
@pytest.mark.parametrize("where", ["{boss}", "nowhere"])
async def test_nothing_is_given_away(town: Town, dialect: str, where: str) -> None:
    """A user makes nothing for others, and gives nothing away, by whatever name the owner goes."""
    user = await town.client(dialect, boss=False)
    owner = where.format(boss=town.bosses["self"])
    bodies: list[dict[str, Any]] = [{"owner_id": owner}, {"extension_id": owner}, {"ownerId": owner}]
    bodies += [{"extension": {"id": owner}}, {"extensionId": owner}]
    for body in bodies:
        for text, operation in (("devices", "create"), ("devices:{device}", "patch")):
            await user.operate(operation, *town.nouns(f"accounts:{{mine}} {text}", "self"), body={"name": "x", **body})
    boss = await town.client("crossbar")
    rows = await boss.every(*town.nouns("accounts:{mine} devices", "self"))
    owners = {row["id"]: row.get("owner_id") for row in rows}
    assert town.bosses["self"] == owners.pop(town.desks["self"])
    assert {town.users["self"]} == set(owners.values())
