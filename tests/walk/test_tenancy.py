"""Whose documents they are: one's own account and those below it, and nothing else by any way in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from crossbar import Document, Insert, Replace
from crossbar.resource import new_id
from crossbar.testing import NOW, Client, Response, World

from .tools import NOWHERE, ONE_STORE, SAMPLES, Home, Sample, ids, leg, made, refused

USER = {"first_name": "Ada", "last_name": "Byron"}
SAME = {"x-request-id": "same"}


@dataclass(frozen=True, slots=True)
class Family:
    """A tree of accounts around `own`, whose client asks; each account has a user with a device, and a call record."""

    client: Client
    accounts: dict[str, str]
    users: dict[str, str]
    devices: dict[str, str]

    def filled(self, text: str, who: str) -> str:
        """A path with the ids of one of the accounts, and those of the caller's own."""
        return text.format(
            account=self.accounts[who],
            user=self.users[who],
            device=self.devices[who],
            mine=self.accounts["self"],
            my_user=self.users["self"],
            my_device=self.devices["self"],
            child=self.accounts["child"],
        )


BELOW = ("self", "child", "grandchild")
OTHERS = ("parent", "sibling", "nephew", "stranger", "nonexistent")


@pytest.fixture
async def family(home: Home, world: World) -> Family:
    """The tree: parent > self > child > grandchild; parent > sibling > nephew; a stranger far away; and nobody."""
    above = {"self": "parent", "child": "self", "grandchild": "child", "sibling": "parent", "nephew": "sibling"}
    trees = {"parent": [world.master, world.reseller]}
    accounts, users, devices = {"parent": home.id}, {}, {}
    store = world.app.store
    changes = []
    for who, parent in above.items():
        accounts[who] = new_id()
        trees[who] = [*trees[parent], accounts[parent]]
    accounts["stranger"], trees["stranger"] = new_id(), [world.master, world.stranger]
    for who, account in accounts.items():
        if who != "parent":
            private = {"tree": trees[who], "parent": trees[who][-1], "identity": who, "login_name": account}
            body = {"name": f"{who} {account}", "realm": f"{account}.example.com"}
            changes.append(Insert(Document.of("", "accounts", account, body, NOW, private)))
        users[who], devices[who] = new_id(), new_id()
        device = {"name": f"Desk of {who}", "owner_id": users[who]}
        call = leg(1, users[who])
        changes += [
            Insert(Document.of(account, "users", users[who], USER | {"username": "ada"}, NOW, {"identity": who})),
            Insert(Document.of(account, "devices", devices[who], device, NOW)),
            Insert(Document.of(account, "cdrs", call["id"], call, NOW, call.pop("_private"))),
        ]
    await store.write(changes)
    accounts["nonexistent"], users["nonexistent"], devices["nonexistent"] = NOWHERE, "e" * 32, "d" * 32
    return Family(await standing_for(world, accounts["self"]), accounts, users, devices)


async def standing_for(world: World, account: str) -> Client:
    """A client that stands for an account."""
    document = await world.app.store.get("", "accounts", account)
    assert document is not None
    return Client(world.app, world.app.tokens.mint(document, None, "cb_api_auth"))


# The operations: method, path, data, the status that the caller's own and those below give.
OPERATIONS: dict[str, tuple[str, str, Any, int]] = {
    "account-read": ("GET", "/accounts/{account}", None, 200),
    "account-patch": ("PATCH", "/accounts/{account}", {"language": "de"}, 200),
    "account-replace": ("POST", "/accounts/{account}", {"name": "Name of {account}"}, 200),
    "account-create-below": ("PUT", "/accounts/{account}", {"name": "Below {account}"}, 201),
    "children": ("GET", "/accounts/{account}/children", None, 200),
    "descendants": ("GET", "/accounts/{account}/descendants", None, 200),
    "parents": ("GET", "/accounts/{account}/parents", None, 200),
    "tree": ("GET", "/accounts/{account}/tree", None, 200),
    "api-key-read": ("GET", "/accounts/{account}/api_key", None, 200),
    "about": ("GET", "/accounts/{account}/about", None, 200),
    "schemas": ("GET", "/accounts/{account}/schemas", None, 200),
    "users-list": ("GET", "/accounts/{account}/users", None, 200),
    "users-list-filtered": ("GET", "/accounts/{account}/users?filter_username=ada", None, 200),
    "users-list-all": ("GET", "/accounts/{account}/users?paginate=false", None, 200),
    "users-csv": ("GET", "/accounts/{account}/users?accept=csv", None, 200),
    "users-create": ("PUT", "/accounts/{account}/users", USER, 201),
    "user-read": ("GET", "/accounts/{account}/users/{user}", None, 200),
    "user-devices": ("GET", "/accounts/{account}/users/{user}/devices", None, 200),
    "user-device": ("GET", "/accounts/{account}/users/{user}/devices/{device}", None, 200),
    "user-cdrs": ("GET", "/accounts/{account}/users/{user}/cdrs", None, 200),
    "device-read": ("GET", "/accounts/{account}/devices/{device}", None, 200),
    "device-replace": ("POST", "/accounts/{account}/devices/{device}", {"name": "Hall"}, 200),
    "device-patch": ("PATCH", "/accounts/{account}/devices/{device}", {"name": "Hall"}, 200),
    "device-sync": ("POST", "/accounts/{account}/devices/{device}/sync", None, 202),
    "device-delete": ("DELETE", "/accounts/{account}/devices/{device}", None, 200),
    "device-status": ("GET", "/accounts/{account}/devices/status", None, 200),
    "cdrs-list": ("GET", "/accounts/{account}/cdrs", None, 200),
    "cdrs-interaction": ("GET", "/accounts/{account}/cdrs/interaction", None, 200),
    "cdrs-summary": ("GET", "/accounts/{account}/cdrs/summary", None, 200),
    "groups-list": ("GET", "/accounts/{account}/groups", None, 200),
}
EACH = pytest.mark.parametrize("operation", OPERATIONS)


def filled(data: Any, account: str) -> Any:
    """The body with the account's id, so that names differ."""
    return {key: str(value).replace("{account}", account) for key, value in data.items()} if data else data


async def asked(client: Client, method: str, path: str, data: Any, way: str, **options: Any) -> Response:
    """Send an operation natively, or through POST with its verb in query or envelope."""
    options = {"headers": SAME} | options
    if way == "native":
        return await client.request(method, path, data, **options)
    if way == "query":
        joint = "&" if "?" in path else "?"
        return await client.request("POST", f"{path}{joint}verb={method.lower()}", data, **options)
    body = orjson.dumps({"data": data or {}, "verb": method})
    return await client.request("POST", path, body=body, **options)


@EACH
@pytest.mark.parametrize("way", ["native", "query", "envelope"])
async def test_the_matrix(family: Family, operation: str, way: str) -> None:
    """The own account and those below answer; all others give what a nonexistent account gives, to the byte."""
    method, path, data, status = OPERATIONS[operation]
    statuses = {}
    for who in BELOW:
        target, body = family.filled(path, who), filled(data, family.accounts[who])
        statuses[who] = (await asked(family.client, method, target, body, way)).status
    assert dict.fromkeys(BELOW, status) == statuses
    answers = {}
    for who in OTHERS:
        target, body = family.filled(path, who), filled(data, family.accounts[who])
        response = await asked(family.client, method, target, body, way)
        told = response.body.replace(family.accounts[who].encode(), b"ACCOUNT")
        answers[who] = (response.status, dict(response.headers), told)
        refused(response, 404, "bad_identifier")
    assert dict.fromkeys(OTHERS, answers["nonexistent"]) == answers


async def test_nothing_was_changed_by_what_was_refused(family: Family, world: World) -> None:
    """After all refused writes the documents of others are as they were."""
    master = await world.client("master")
    paths = [
        family.filled(path, who)
        for who in OTHERS[:-1]
        for path in (
            "/accounts/{account}",
            "/accounts/{account}/users",
            "/accounts/{account}/devices/{device}",
            "/accounts/{account}/children",
            "/accounts/{account}/api_key",
        )
    ]
    before = [(await master.get(path, headers=SAME)).data for path in paths]
    for method, path, data, _ in OPERATIONS.values():
        for who in OTHERS:
            if method != "GET":
                await family.client.request(method, family.filled(path, who), data)
    assert before == [(await master.get(path, headers=SAME)).data for path in paths]


# Ways to reach another account with one's own at the front of the path.
ROUNDABOUT: dict[str, str] = {
    "own-account-first": "/accounts/{mine}/accounts/{account}/devices",
    "own-account-last": "/accounts/{account}/accounts/{mine}/devices",
    "child-then-other": "/accounts/{child}/accounts/{account}/devices",
    "three": "/accounts/{mine}/accounts/{account}/accounts/{mine}/devices",
    "alias-first": "/account/accounts/{account}/devices",
    "through-a-user": "/accounts/{mine}/users/{my_user}/accounts/{account}/devices",
    "through-a-user-read": "/accounts/{mine}/users/{my_user}/accounts/{account}",
    "through-a-device": "/accounts/{mine}/devices/{my_device}/accounts/{account}",
    "through-another-users-device": "/accounts/{mine}/users/{my_user}/devices/{my_device}/accounts/{account}",
    "own-account-read": "/accounts/{mine}/accounts/{account}",
    "encoded": "/accounts/{mine}/%61ccounts/{account}/devices",
    "dots": "/accounts/{mine}/../{account}/devices",
    "encoded-dots": "/accounts/{mine}/%2e%2e/{account}/devices",
    "encoded-slash": "/accounts/{mine}%2F..%2F{account}/devices",
    "two-arguments": "/accounts/{mine}/{account}/devices",
    "two-arguments-the-other-way": "/accounts/{account}/{mine}/devices",
    "empty-argument": "/accounts//{account}/devices",
    "matrix-parameter": "/accounts/{account};x={mine}/devices",
    "alias-with-argument": "/account/{account}/devices",
    "children-of-mine": "/accounts/{mine}/children/{account}",
    "siblings-of-mine": "/accounts/{mine}/siblings/{account}",
    "query-account": "/devices?account_id={account}",
    "upper-case": "/accounts/{ACCOUNT}/devices",
}


@ONE_STORE
@pytest.mark.parametrize("path", ROUNDABOUT.values(), ids=ROUNDABOUT)
async def test_no_way_round(family: Family, path: str) -> None:
    """No chain of nouns leads to another account; each gives what it gives with an account that does not exist."""
    answers = {}
    for who in OTHERS:
        target = family.filled(path.replace("{ACCOUNT}", family.accounts[who].upper()), who)
        response = await family.client.get(target, headers=SAME)
        assert response.status in (403, 404), (who, response.body)
        told = response.body.replace(family.accounts[who].encode(), b"ACCOUNT")
        told = told.replace(family.accounts[who].upper().encode(), b"ACCOUNT")
        answers[who] = (response.status, dict(response.headers), told)
    assert dict.fromkeys(OTHERS, answers["nonexistent"]) == answers


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
async def test_no_way_round_for_writes(family: Family, world: World, method: str) -> None:
    """The same chains write nothing either."""
    master = await world.client("master")
    data = {"name": "Evil", "first_name": "Evil", "last_name": "Evil"}
    for who in OTHERS[:-1]:
        before = [(await master.get(f"/accounts/{family.accounts[who]}{path}")).data for path in ("", "/devices")]
        for path in ROUNDABOUT.values():
            target = family.filled(path.replace("{ACCOUNT}", family.accounts[who].upper()), who)
            response = await family.client.request(method, target, data)
            assert response.status in (403, 404, 405), (path, response.body)
            response = await family.client.request(method, f"{target}/{family.devices[who]}", data)
            assert response.status in (403, 404, 405), (path, response.body)
        after = [(await master.get(f"/accounts/{family.accounts[who]}{path}")).data for path in ("", "/devices")]
        assert before == after


async def test_the_alias_stands_for_the_own_account(family: Family) -> None:
    """`account` is the caller's own account, for reading and writing alike."""
    mine = family.accounts["self"]
    assert mine == (await family.client.get("/account")).data["id"]
    assert ids(await family.client.get(f"/accounts/{mine}/devices")) == ids(await family.client.get("/account/devices"))
    id = await made(family.client, "/account/devices", {"name": "Hall"})
    assert 200 == (await family.client.patch(f"/account/devices/{id}", {"name": "Door"})).status
    assert "Door" == (await family.client.get(f"/accounts/{mine}/devices/{id}")).data["name"]


async def test_an_account_made_below_an_account_in_the_path_goes_there(family: Family) -> None:
    """`accounts/CHILD/accounts` makes an account below CHILD: the path says where."""
    response = await family.client.put(
        family.filled("/accounts/{child}/accounts", "self"), {"name": f"New {id(family)}"}
    )
    assert 201 == response.status, response.body
    children = ids(await family.client.get(family.filled("/accounts/{child}/children?page_size=1000", "self")))
    assert response.data["id"] in children
    assert 200 == (await family.client.get("/" + response.headers["location"])).status


# Documents of another account by their ids, in one's own.

BY_ID: dict[str, tuple[str, str, Any]] = {
    "device-read": ("GET", "/accounts/{mine}/devices/{device}", None),
    "device-replace": ("POST", "/accounts/{mine}/devices/{device}", {"name": "x"}),
    "device-patch": ("PATCH", "/accounts/{mine}/devices/{device}", {"name": "x"}),
    "device-delete": ("DELETE", "/accounts/{mine}/devices/{device}", None),
    "device-sync": ("POST", "/accounts/{mine}/devices/{device}/sync", None),
    "device-below-my-user": ("GET", "/accounts/{mine}/users/{my_user}/devices/{device}", None),
    "my-device-below-user": ("GET", "/accounts/{mine}/users/{user}/devices/{my_device}", None),
    "user-read": ("GET", "/accounts/{mine}/users/{user}", None),
    "user-devices": ("GET", "/accounts/{mine}/users/{user}/devices", None),
    "user-devices-create": ("PUT", "/accounts/{mine}/users/{user}/devices", {"name": "x"}),
    "user-cdrs": ("GET", "/accounts/{mine}/users/{user}/cdrs", None),
    "user-cdrs-summary": ("GET", "/accounts/{mine}/users/{user}/cdrs/summary", None),
}


@pytest.mark.parametrize(("method", "path", "data"), BY_ID.values(), ids=BY_ID)
async def test_a_document_of_another_account_by_id(family: Family, method: str, path: str, data: Any) -> None:
    """An id that belongs to another account, even to one below, gives what an unknown id gives, to the byte."""
    answers = {}
    for who in ("child", *OTHERS):
        response = await family.client.request(method, family.filled(path, who), data, headers=SAME)
        refused(response, 404, "bad_identifier")
        told = response.body
        for id in (family.users[who], family.devices[who]):
            told = told.replace(id.encode(), b"ID")
        answers[who] = (dict(response.headers), told)
    assert dict.fromkeys(answers, answers["nonexistent"]) == answers


async def test_a_device_below_the_wrong_user(home: Home) -> None:
    """A device answers below its own user only, by every verb."""
    one, other = [await home.made("/users", USER) for _ in range(2)]
    device = await home.made(f"/users/{one}/devices", {"name": "Desk"})
    loose = await home.made("/devices", {"name": "Hall"})
    for id in (device, loose):
        for method, data in (("GET", None), ("POST", {"name": "x"}), ("PATCH", {"name": "x"}), ("DELETE", None)):
            path = home.at(f"/users/{other}/devices/{id}")
            refused(await home.client.request(method, path, data), 404, "bad_identifier")
        refused(await home.client.post(home.at(f"/users/{other}/devices/{id}/sync")), 404, "bad_identifier")
    assert [] == ids(await home.get(f"/users/{other}/devices"))
    assert [device] == ids(await home.get(f"/users/{one}/devices"))
    assert {device, loose} == set(ids(await home.get("/devices")))


async def test_a_parent_of_one_account_says_nothing_in_another(family: Family) -> None:
    """A user before a second account in the path is no user of that account."""
    path = family.filled("/accounts/{mine}/users/{my_user}/accounts/{child}/devices", "self")
    for method, data in (("GET", None), ("PUT", {"name": "Hall"})):
        refused(await family.client.request(method, path, data), 404)


# Start keys.


@pytest.mark.parametrize("query", ["", "&paginate=false", "&accept=csv"], ids=["page", "stream", "csv"])
async def test_a_start_key_of_another_account(family: Family, query: str) -> None:
    """A key that was sealed for another account's listing opens nothing in this one."""
    for _ in range(3):
        await made(family.client, family.filled("/accounts/{child}/devices", "self"), {"name": "x"})
    page = await family.client.get(family.filled("/accounts/{child}/devices?page_size=1", "self"))
    for key in (page.json()["start_key"], page.json()["next_start_key"]):
        path = family.filled(f"/accounts/{{mine}}/devices?start_key={key}{query}", "self")
        refused(await family.client.get(path), 400, "invalid_start_key")
        assert 200 == (await family.client.get(path.replace(family.accounts["self"], family.accounts["child"]))).status


# Who you are is asked before what exists.

UNKNOWN: list[tuple[str, str]] = [
    *((method, "/accounts/{account}") for method in ("GET", "PUT", "POST", "PATCH", "DELETE", "BREW")),
    *((method, "/accounts/{account}/devices") for method in ("GET", "PUT", "POST", "DELETE")),
    *((method, "/accounts/{account}/devices/{device}") for method in ("GET", "PUT", "POST", "PATCH", "DELETE")),
    ("GET", "/accounts/{account}/devices/{device}/unheard/of"),
    ("GET", "/accounts/{account}/children"),
    ("GET", "/accounts"),
    ("GET", "/account"),
    ("GET", "/account/schemas"),
    ("GET", "/accounts/{account}/schemas"),
    ("GET", "/accounts/{account}/schemas/devices"),
    ("GET", "/about"),
    ("GET", "/nothing"),
    ("GET", "/nothing/at/all"),
    ("PUT", "/nothing"),
    ("BREW", "/about"),
    ("GET", ""),
    ("GET", "/"),
    ("GET", "//v2//accounts/{account}"),
    ("GET", "/user_auth"),
    ("DELETE", "/user_auth"),
    ("PUT", "/accounts/{account}/user_auth"),
    ("PUT", "/schemas/devices/validation"),
    ("GET", "/token_auth"),
    ("GET", "/crashing"),
    ("GET", "/accounts/{account}/devices?page_size=0"),
    ("GET", "/accounts/{account}/devices?start_key=x"),
]


@ONE_STORE
@pytest.mark.parametrize(("method", "path"), UNKNOWN, ids=[f"{method} {path}" for method, path in UNKNOWN])
@pytest.mark.parametrize("token", [None, "nonsense"], ids=["no-token", "bad-token"])
async def test_a_stranger_learns_nothing(family: Family, method: str, path: str, token: str | None) -> None:
    """Without a good token there is the same 401, whether the path names something or not and whatever the verb."""
    caller = Client(family.client.app, token)
    data = {"name": ""} if method in ("PUT", "POST", "PATCH") else None
    plain = await caller.get("/about", headers=SAME)
    for who in ("self", "nonexistent"):
        response = await caller.request(method, family.filled(path, who), data, headers=SAME)
        refused(response, 401, "invalid_credentials")
        assert plain.body == response.body


@ONE_STORE
@pytest.mark.parametrize("path", ["/schemas", "/schemas/devices", "/schemas/unheard-of", "/schemas/a/b/c"])
async def test_schemas_are_open(world: World, path: str) -> None:
    """Schemas are no secret, so a stranger gets what everybody gets."""
    caller, known = Client(world.app), await world.client("stranger")
    assert (await known.get(path)).status == (await caller.get(path)).status


# What is private.

PRIVATE: dict[str, Any] = {
    "_id": "x",
    "_rev": "1-x",
    "_x": 1,
    "_read_only": {"a": 1},
    "pvt_type": "account",
    "pvt_tree": [],
    "pvt_x": 1,
    "pvt_account_id": "x",
    "_": 1,
    "pvt_": 1,
}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.noun)
async def test_private_fields_are_never_stored(home: Home, sample: Sample) -> None:
    """Fields whose names begin with `_` or `pvt_` are dropped by every verb, and never come back."""
    id = await home.made(f"/{sample.noun}", sample.body | PRIVATE)
    for method in ("POST", "PATCH"):
        response = await home.client.request(method, home.at(f"/{sample.noun}/{id}"), sample.body | PRIVATE)
        assert (200, set()) == (response.status, set(response.data) & set(PRIVATE))
    document = await home.world.app.store.get(home.id, "messages" if sample.noun == "faxes" else sample.noun, id)
    assert document is not None
    assert set() == set(document.data()) & set(PRIVATE)
    assert set() == set(document.secrets()) & set(PRIVATE)
    for query in ("", "?full_docs=true", "?fields=_x,pvt_x,_id", "?paginate=false&full_docs=true"):
        for row in (await home.get(f"/{sample.noun}{query}")).data:
            assert set() == set(row) & set(PRIVATE)


async def test_an_account_cannot_move_itself(family: Family) -> None:
    """No field of the body is the tree: a customer cannot put itself elsewhere or become the master."""
    mine = family.accounts["self"]
    before = await family.client.app.store.get("", "accounts", mine)
    evil = {"tree": [], "parent": "", "master": True, "identity": "x", "api_key": "0" * 64, "login_name": "demo"}
    for method, data in (("PATCH", evil), ("POST", evil | {"name": f"Evil {mine}"})):
        assert 200 == (await family.client.request(method, f"/accounts/{mine}", data | PRIVATE)).status
    after = await family.client.app.store.get("", "accounts", mine)
    assert before is not None
    assert after is not None
    for name in ("tree", "parent", "master", "identity", "api_key"):
        assert before.secrets().get(name) == after.secrets().get(name)
    assert mine not in ids(await family.client.get(f"/accounts/{mine}/children"))
    refused(await family.client.get(family.filled("/accounts/{account}", "parent")), 404)


async def test_the_private_part_is_no_oracle(home: Home) -> None:
    """Filters look at what the client stored, never at the private part."""
    await home.made("/users", USER | {"username": "ada", "password": "analytical-engine"})
    for name in ("credentials.md5", "identity", "pvt_identity", "_id", "private.identity"):
        assert [] == (await home.get(f"/users?has_key={name}")).data
        assert 1 == len((await home.get(f"/users?key_missing={name}")).data)
    tree = (await home.client.get(f"/accounts/{home.world.reseller}/children?has_key=tree&page_size=1000")).data
    assert [] == tree


# The tree changes.


async def changed(world: World, account: str, **private: Any) -> None:
    """Write into the private part of an account, as a move would."""
    document = await world.app.store.get("", "accounts", account)
    assert isinstance(document, Document)
    await world.app.store.write([Replace(document.with_secrets(document.secrets() | private))])


async def test_an_account_that_moved_away(family: Family, world: World) -> None:
    """As soon as an account stands elsewhere in the tree, its former ancestors are strangers, and new ones are not."""
    child, sibling = family.accounts["child"], family.accounts["sibling"]
    token_of_child = await standing_for(world, child)
    token_of_sibling = await standing_for(world, sibling)
    path = f"/accounts/{child}/devices"
    assert (200, 404) == ((await family.client.get(path)).status, (await token_of_sibling.get(path)).status)
    document = await world.app.store.get("", "accounts", sibling)
    assert document is not None
    await changed(world, child, tree=[*document.secrets()["tree"], sibling], parent=sibling)
    assert (404, 200) == ((await family.client.get(path)).status, (await token_of_sibling.get(path)).status)
    assert 200 == (await token_of_child.get(path)).status
    assert child not in ids(await family.client.get(f"/accounts/{family.accounts['self']}/children"))
    assert child in ids(await token_of_sibling.get(f"/accounts/{sibling}/children"))


async def test_an_account_that_was_deleted(family: Family, world: World) -> None:
    """What belongs to a deleted account is gone with it, and its people are nobody."""
    grandchild = family.accounts["grandchild"]
    person = await standing_for(world, grandchild)
    assert 200 == (await person.get("/account/devices")).status
    assert 200 == (await family.client.delete(f"/accounts/{grandchild}")).status
    refused(await person.get("/account/devices"), 401)
    for path in ("", "/devices", "/users", "/cdrs", f"/devices/{family.devices['grandchild']}"):
        refused(await family.client.get(f"/accounts/{grandchild}{path}"), 404, "bad_identifier")
    assert grandchild not in ids(await family.client.get(family.filled("/accounts/{mine}/descendants", "self")))


async def test_a_disabled_ancestor_does_not_open_or_close_doors(family: Family) -> None:
    """Switching off an account below is the caller's right, and it can be switched on again."""
    path = family.filled("/accounts/{child}", "self")
    assert 200 == (await family.client.patch(path, {"enabled": False})).status
    assert 200 == (await family.client.get(path)).status
    assert 200 == (await family.client.patch(path, {"enabled": True})).status


@pytest.mark.parametrize(("level", "entered"), [("admin", BELOW), ("user", ("self",))])
async def test_where_the_people_of_an_account_may_go(
    family: Family, world: World, level: str, entered: tuple[str, ...]
) -> None:
    """An administrator may go where the account may, and no further; a user stays in the account."""
    store = world.app.store
    user = await store.get(family.accounts["self"], "users", family.users["self"])
    document = await store.get("", "accounts", family.accounts["self"])
    assert document is not None
    assert user is not None
    await store.write([Replace(user.with_data(user.data() | {"priv_level": level}))])
    client = Client(world.app, world.app.tokens.mint(document, user, "cb_user_auth"))
    statuses = {who: (await client.get(f"/accounts/{id}/users")).status for who, id in family.accounts.items()}
    assert dict.fromkeys((*BELOW, *OTHERS), 404) | dict.fromkeys(entered, 200) == statuses
