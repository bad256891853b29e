"""Private fields and secrets: no name, and no word of a query, leads to them in any dialect."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import login_name

from .people import SPEECHES, Town, person

EACH = pytest.mark.parametrize("dialect", SPEECHES)
FOREIGN = pytest.mark.parametrize("dialect", [name for name in SPEECHES if name != "crossbar"])


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
