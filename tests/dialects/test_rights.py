"""Rights over all dialects: the same questions in each of them, and the same answers as in Crossbar's own."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from crossbar import Principal, login_name
from crossbar.passwords import wire_credentials
from crossbar.testing import Client, Clock, World, small_world
from tests.walk.tools import SETTINGS

from .people import OTHERS, SAME, SPEECHES, Town, person, settled, told

EACH = pytest.mark.parametrize("dialect", SPEECHES)
FOREIGN = pytest.mark.parametrize("dialect", [name for name in SPEECHES if name != "crossbar"])
STATUSES = {"crossbar": 200, "ringcentral": 204, "realm": 204}


@pytest.fixture
async def town(world: World) -> Town:
    """Accounts of the test's own."""
    return await settled(world)


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


# Private fields, and secrets.

DISGUISES: list[dict[str, Any]] = [
    {"pvt_tree": []},
    {"pvtTree": []},
    {"_private": {"identity": "x"}},
    {"private": {"identity": "x", "tree": []}},
    {"_id": "x", "_rev": "1-x", "_": 1, "pvt_": 1},
    {"tree": [], "parent": "", "master": True},
    {"identity": "x", "apiKey": "0" * 64, "api_key": "0" * 64},
    {"credentials": {"md5": "x"}, "loginName": "demo", "login_name": "demo"},
    {"pvtIdentity": "x", "PvtTree": [], "_identity": "x", "attachments": {"photo": {"blob": "x"}}},
    {"tenant": "x", "kind": "accounts", "revision": 9, "created": 1, "modified": 1, "expires": 1},
]


@EACH
@pytest.mark.parametrize("data", DISGUISES, ids=lambda data: next(iter(data)))
@pytest.mark.parametrize("noun", ["accounts:{account}", "accounts:{account} extensions:{user}"])
async def test_the_private_part_is_out_of_reach(town: Town, dialect: str, data: dict[str, Any], noun: str) -> None:
    """No name, in whatever letter case, leads into the private part; names of private fields are not stored at all."""
    store, account = town.world.app.store, town.accounts["self"]
    at = ("", "accounts", account) if noun.count(":") == 1 else (account, "users", town.users["self"])
    before = await store.get(*at)
    master = await town.world.client("master", speech=SPEECHES[dialect])
    for operation in ("patch", "replace"):
        whole: dict[str, Any] = {}
        if operation == "replace":
            account_body = {"name": f"self {account}"}
            whole = account_body if at[1] == "accounts" else {**person(dialect), "username": f"user-{account}"}
        await master.operate(operation, *town.nouns(noun, "self"), body={**whole, **data})
    after = await store.get(*at)
    assert before is not None
    assert after is not None
    secret = before.secrets()
    if at[1] == "accounts":
        secret["login_name"] = login_name(f"self {account}")  # which follows from the name
    assert secret == after.secrets()
    assert (before.tenant, before.kind, before.id) == (after.tenant, after.kind, after.id)
    assert (before.created, before.expires) == (after.created, after.expires)
    assert set() == {key for key in after.data() if key.startswith(("_", "pvt_"))}
    assert 404 == (await (await town.client(dialect)).read(*town.nouns("accounts:{account}", "parent"))).status


FILTERS = [
    *("password", "credentials", "credentials.md5", "pvt_tree", "pvtTree", "_private", "private", "private.identity"),
    *("identity", "tree", "parent", "master", "login_name", "loginName", "api_key", "apiKey", "tenant", "kind"),
    *("revision", "filter_identity", "has_key", "created_from"),
]


@FOREIGN
@pytest.mark.parametrize("word", FILTERS)
async def test_filters_are_no_oracle(town: Town, dialect: str, word: str) -> None:
    """Whatever is in the private part, a filter on it finds the same for each value."""
    boss = await town.client(dialect)
    users = town.nouns("accounts:{mine} users", "self")
    right = {"credentials.md5": "0" * 32, "identity": "self user", "private.identity": "self user"}
    found = [
        [row["id"] for row in await boss.every(*users, query={word: value})]
        for value in (right.get(word, "x"), "another")
    ]
    assert found[0] == found[1]


@EACH
async def test_no_secret_is_ever_shown(town: Town, dialect: str) -> None:
    """What is in the private part is in no answer."""
    boss = await town.client(dialect)
    for text in ("accounts:{mine}", "accounts:{mine} users", "accounts:{mine} extensions:{user}"):
        response = await boss.operate("read" if text[-1] == "}" else "find", *town.nouns(text, "self"))
        assert 200 == response.status
        for secret in (b"0" * 32, b"self user", b"identity", b"login_name", b"loginName", b'"tree"'):
            assert secret not in response.body.replace(b"identity_sig", b"")


# Tokens.


@EACH
async def test_a_token_is_good_in_each_dialect(town: Town, dialect: str) -> None:
    """A token stands for the same principal wherever it is sent."""
    seen: list[Principal] = []

    async def watching(ctx: Any) -> None:
        assert ctx.principal is not None
        seen.append(ctx.principal)

    app = town.world.app
    kept, app.authorizers = app.authorizers, (*app.authorizers, watching)
    try:
        for boss in (True, False):
            token = await town.token(boss=boss)
            for name in ("crossbar", dialect):
                client = Client(app, token, speech=SPEECHES[name])
                assert 200 == (await client.read(*town.nouns("accounts:{mine}", "self"))).status
            assert seen[-1] == seen[-2]
            assert (town.accounts["self"], (town.bosses if boss else town.users)["self"]) == (
                seen[-1].account_id,
                seen[-1].user_id,
            )
    finally:
        app.authorizers = kept


ODD: dict[str, dict[str, str]] = {
    "none": {},
    "nonsense": {"authorization": "Bearer nonsense"},
    "empty": {"authorization": "Bearer "},
    "no-scheme": {"authorization": "{token}"},
    "digest": {"authorization": "Digest {token}"},
    "basic": {"authorization": "Basic {token}"},
    "cut-off": {"authorization": "Bearer {token}x"},
    "header-of-crossbar": {"x-auth-token": "{token}"},
}


@FOREIGN
@pytest.mark.parametrize("headers", ODD.values(), ids=ODD)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"])
async def test_a_stranger_learns_nothing(town: Town, dialect: str, headers: dict[str, str], method: str) -> None:
    """Without a good token where the dialect has it, each path gives the same 401, also one that leads nowhere."""
    token = await town.token()
    caller = Client(town.world.app, speech=SPEECHES[dialect])
    sent = {name: value.replace("{token}", token) for name, value in headers.items()} | SAME
    answers = set()
    for text in (
        "accounts:{account}",
        "accounts:{account} devices:{device}",
        "nowhere",
        "accounts:{account} nowhere:x",
    ):
        for who in ("self", "nonexistent"):
            response = await caller.request(method, town.path(dialect, text, who), headers=sent)
            assert 401 == response.status, response.body
            answers.add(response.body)
    assert 1 == len(answers)


@FOREIGN
@pytest.mark.parametrize("word", ["access_token", "auth_token", "token", "accessToken"])
async def test_tokens_in_the_query(town: Town, dialect: str, word: str) -> None:
    """No word of the query, nor of the body, carries a token unless settings say so."""
    caller = Client(town.world.app, speech=SPEECHES[dialect])
    token = await town.token()
    for text in ("accounts:{account}", "accounts:{account} extensions:{user}:photo"):
        path = town.path(dialect, text)
        assert 401 == (await caller.get(path, query={word: token})).status
        assert 401 == (await caller.request("PUT", path, {word: token})).status


async def test_tokens_in_the_query_of_files() -> None:
    """Where RingCentral's settings allow it, a token in the query opens files, and nothing else."""
    from msgspec.structs import replace

    dialects = replace(SETTINGS.dialects, ringcentral=replace(SETTINGS.dialects.ringcentral, query_token=True))
    world = await small_world(settings=replace(SETTINGS, dialects=dialects))
    town = await settled(world)
    boss, caller = await town.client("ringcentral"), Client(world.app, speech=SPEECHES["ringcentral"])
    photo, query = town.path("ringcentral", "accounts:{account} extensions:{user}:photo"), {"access_token": boss.token}
    png = b"\x89PNG\r\n\x1a\n"
    assert 2 == (await boss.request("PUT", photo, body=png, headers={"content-type": "image/png"})).status // 100
    query = {"access_token": boss.token or ""}
    assert (200, png) == ((got := await caller.get(photo, query=query)).status, got.body)
    assert 401 == (await caller.delete(photo, query=query)).status
    assert 401 == (await caller.post(photo, query={**query, "_method": "DELETE"})).status
    assert 401 == (await caller.get(town.path("ringcentral", "accounts:{account}"), query=query)).status
    other = await town.token("stranger")
    assert 404 == (await caller.get(photo, query={"access_token": other})).status
    assert 401 == (await caller.get(photo, query=query, headers={"authorization": "Bearer bad"})).status
    await world.app.stop()


@EACH
async def test_basic_credentials(town: Town, dialect: str) -> None:
    """Basic credentials stand for the same user in each dialect, with the same rights."""
    world = town.world
    md5, _ = wire_credentials("admin", "crossbar")
    field = b64encode(f"{world.customer}:{md5}".encode()).decode()
    caller = Client(world.app, speech=SPEECHES[dialect], headers={"authorization": f"Basic {field}"})
    statuses = {
        name: (await caller.read(("accounts", world.id(name)))).status
        for name in ("customer", "department", "reseller", "stranger")
    }
    assert {"customer": 200, "department": 200, "reseller": 404, "stranger": 404} == statuses


@EACH
@pytest.mark.parametrize("end", ["expired", "password", "deleted", "other key"])
async def test_tokens_that_have_ended(dialect: str, end: str) -> None:
    """A token that has ended is good in no dialect."""
    clock = Clock()
    world = await small_world(settings=SETTINGS, clock=clock)
    town = await settled(world)
    user, boss = await town.client(dialect, boss=False), await town.client("crossbar")
    own = town.nouns("accounts:{mine} extensions:{user}", "self")
    assert 200 == (await user.read(*own)).status
    if end == "expired":
        clock.now += world.app.settings.auth.token_life + 1
    elif end == "password":
        body = {"username": "ada", "password": "analytical-engine"}
        assert 200 == (await boss.patch(*own, body=body)).status
        await _without_identity(town)
    elif end == "deleted":
        assert 200 == (await boss.delete(*own)).status
    else:
        assert user.token is not None
        user.token = user.token[:-6] + "AAAAAA"
    response = await user.read(*own)
    assert 401 == response.status, response.body
    await world.app.stop()


async def _without_identity(town: Town) -> None:
    """Change what tokens of the user are bound to, as a password does that was there before."""
    from crossbar import Replace

    user = await town.world.app.store.get(town.accounts["self"], "users", town.users["self"])
    assert user is not None
    await town.world.app.store.write([Replace(user.with_secrets({**user.secrets(), "identity": "another"}))])


# Token restrictions.

RULES: dict[str, Any] = {"devices": [{"rules": {"/": ["GET"], "#": ["GET"]}}]}


@EACH
async def test_token_restrictions(town: Town, dialect: str) -> None:
    """Restrictions name Crossbar's nouns and the verbs that were sent, and hold for every word of a dialect."""
    token = await town.token(restrictions=[RULES])
    client = Client(town.world.app, token, speech=SPEECHES[dialect])
    assert 200 == (await client.find(*town.nouns("accounts:{mine} devices", "self"))).status
    assert 200 == (await client.read(*town.nouns("accounts:{mine} devices:{device}", "self"))).status
    for name, text, data in (
        ("patch", "accounts:{mine} devices:{device}", {"name": "x"}),
        ("delete", "accounts:{mine} devices:{device}", None),
        ("create", "accounts:{mine} devices", {"name": "x"}),
        ("find", "accounts:{mine} extensions", None),
        ("read", "accounts:{mine}", None),
        ("find", "accounts:{mine} limits", None),
    ):
        response = await client.operate(name, *town.nouns(text, "self"), body=data)
        assert 403 == response.status, response.body
    word = SPEECHES[dialect]
    for text in ("accounts:{mine} devices:{device}",):
        path = town.path(dialect, text)
        for query in ({"_method": "DELETE"}, {"verb": "DELETE"}):
            assert (await client.request("POST", path, {}, query=query)).status in (403, 405), word
    assert await town.world.app.store.get(town.accounts["self"], "devices", town.devices["self"]) is not None


# Verbs.


@EACH
@pytest.mark.parametrize("way", ["x-http-method-override", "_method", "verb", "envelope"])
@pytest.mark.parametrize("boss", [True, False], ids=["boss", "user"])
async def test_verbs_that_are_tunnelled(town: Town, dialect: str, way: str, boss: bool) -> None:
    """A verb inside of another one reaches what the verb itself may, and means nothing in other dialects."""
    speaks = {"crossbar": ("verb", "envelope"), "ringcentral": ("x-http-method-override", "_method"), "realm": ()}
    client = await town.client(dialect, boss=boss)
    path = town.path(dialect, "accounts:{mine} extensions:{user}")
    options: dict[str, Any] = {"headers": {}, "query": {}}
    data: Any = {}
    if way == "envelope":
        options["body"] = b'{"verb":"DELETE","data":{"username":"evil"}}'
    else:
        options["headers" if way.startswith("x-") else "query"][way] = "DELETE"
    response = await client.request("POST", path, data, **options)
    there = await town.world.app.store.get(town.accounts["self"], "users", town.users["self"]) is not None
    if way in speaks[dialect]:
        assert (STATUSES[dialect] if boss else 403) == response.status
        assert there != boss
        return
    assert there
    assert response.status in (400, 405) if dialect == "crossbar" else response.status == 405
    for method in ("GET", "HEAD"):  # on a request that reads, nothing is tunnelled
        options.pop("body", None)
        assert 200 == (await client.request(method, path, **options)).status


# Aliases.


@pytest.mark.parametrize(
    ("dialect", "boss", "alias"),
    [
        ("ringcentral", True, "/account/~"),
        ("ringcentral", False, "/account/~"),
        ("ringcentral", True, "/account/%7E"),
        ("realm", True, "/client/@me"),
        ("realm", True, "/client/%40me"),
    ],
)
async def test_aliases_of_the_account(town: Town, dialect: str, boss: bool, alias: str) -> None:
    """An alias is the id that it stands for: what one shows the other shows, what one refuses the other refuses."""
    client = await town.client(dialect, boss=boss)
    word = SPEECHES[dialect]
    id = town.path(dialect, "accounts:{mine}")
    devices = town.path(dialect, "devices")
    for tail in (
        "",
        devices,
        f"{devices.rstrip('/')}/{town.desks['self']}",
        f"{devices.rstrip('/')}/nowhere",
        "/nowhere",
    ):
        for method, data in (("GET", None), ("PATCH", {"language": "de"}), ("DELETE", None)):
            one = await client.request(method, alias + tail, data, headers=SAME)
            if tail and method == "DELETE" and one.status < 300:
                continue
            other = await client.request(method, id + tail, data, headers=SAME)
            assert one.status == other.status, (method, tail, one.body, other.body, word)
            if one.status >= 400:
                assert one.body == other.body


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("ringcentral", "/account/~/extension/~"),
        ("realm", "/extension/@me"),
        ("realm", "/extension/@101"),
        ("realm", "/client/{mine}/extension/@101"),
    ],
)
async def test_aliases_of_a_user(town: Town, dialect: str, path: str) -> None:
    """A user stands for themselves, and gets no more rights by that."""
    user = await town.client(dialect, boss=False)
    path = path.format(mine=town.accounts["self"])
    assert town.users["self"] == (await user.get(path)).document["id"]
    assert 403 == (await user.delete(path)).status
    field = {"ringcentral": "extensionNumber", "realm": "name"}[dialect]
    assert 400 == (await user.put(path, {field: "7"})).status
    word = SPEECHES[dialect]
    devices = f"{path}{town.path(dialect, 'devices')}"
    assert [town.devices["self"]] == [row["id"] for row in word.documents(await user.get(devices))]


@pytest.mark.parametrize(
    "path", ["/extension/@100", "/extension/@{other}*101", "/extension/@{other}*100", "/extension/@999"]
)
async def test_numbers_of_others(town: Town, path: str) -> None:
    """A number that belongs to somebody else is for a user what a number is that nobody has."""
    from crossbar import Replace

    store = town.world.app.store
    prefix = f"p{town.accounts['stranger'][-8:]}"
    stranger = await store.get("", "accounts", town.accounts["stranger"])
    assert stranger is not None
    await store.write([Replace(stranger.with_data(stranger.data() | {"prefix": prefix}))])
    user = await town.client("realm", boss=False)
    missing = await user.get("/extension/@888", headers=SAME)
    for tail in ("", "/phone/", "/photo/"):
        response = await user.get(path.format(other=prefix) + tail, headers=SAME)
        assert (404, missing.body) == (response.status, response.body)
    if "other" in path:
        boss = await town.client("realm")
        assert 404 == (await boss.get(path.format(other=prefix))).status
        own = await town.client("realm", "stranger")
        assert 200 == (await own.get(path.format(other=prefix))).status


@FOREIGN
async def test_aliases_for_nobody_and_for_accounts(town: Town, dialect: str) -> None:
    """Without a token an alias says nothing; a token of an account stands for no extension."""
    paths = {"ringcentral": ("/account/~", "/account/~/extension/~"), "realm": ("/client/@me", "/extension/@me")}
    nobody = Client(town.world.app, speech=SPEECHES[dialect])
    account = await town.world.app.store.get("", "accounts", town.accounts["self"])
    assert account is not None
    token = town.world.app.tokens.mint(account, None, "cb_api_auth")
    machine = Client(town.world.app, token, speech=SPEECHES[dialect])
    own, extension = paths[dialect]
    assert [401, 401] == [(await nobody.get(path)).status for path in (own, extension)]
    assert town.accounts["self"] == (await machine.get(own)).document["id"]
    assert (await machine.get(extension)).status in (401, 403)


# Several things at once.


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_several_ids_are_authorized_one_by_one(town: Town, method: str) -> None:
    """Each id of several has the status that it has alone; those of others are as good as missing."""
    client = await town.client("ringcentral", boss=False)
    ids = [town.devices["self"], town.desks["self"], town.devices["child"], town.devices["stranger"], "f" * 32]
    accept = {"accept": "application/vnd.ringcentral.multipart+json"}
    path = town.path("ringcentral", "accounts:{mine} devices") + "/" + ",".join(ids)
    data = {"name": "Hall"} if method in ("PUT", "PATCH") else None
    response = await client.request(method, path, data, headers=accept)
    assert 207 == response.status, response.body
    expected = dict.fromkeys(ids, 404) | {ids[0]: 204 if method == "DELETE" else 200}
    assert expected == {row["resourceId"]: row["status"] for row in response.json()}
    store = town.world.app.store
    for who, things in (("self", town.desks), ("child", town.devices), ("stranger", town.devices)):
        kept = await store.get(town.accounts[who], "devices", things[who])
        assert kept is not None
        assert 1 == kept.revision


async def test_several_accounts_and_extensions_at_once(town: Town) -> None:
    """Also in the middle of a path, and for accounts, each is entered by who may."""
    accept = {"accept": "application/vnd.ringcentral.multipart+json"}
    boss, user = await town.client("ringcentral"), await town.client("ringcentral", boss=False)
    accounts = ",".join(town.accounts[who] for who in ("self", "child", "parent", "stranger"))
    path = f"/account/{accounts}/device"
    for client, statuses in ((boss, [200, 200, 404, 404]), (user, [200, 404, 404, 404])):
        rows = (await client.get(path, headers=accept)).json()
        assert statuses == [row["status"] for row in rows]
    people = f"/account/~/extension/{town.users['self']},{town.bosses['self']}/device"
    assert [200, 404] == [row["status"] for row in (await user.get(people, headers=accept)).json()]
    nobody = Client(town.world.app, speech=SPEECHES["ringcentral"])
    assert 401 == (await nobody.get(path, headers=accept)).status
