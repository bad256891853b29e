"""Ways round in each dialect, which lead no further: verbs inside of others, aliases, and several ids at once."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import Replace
from crossbar.testing import Client

from .people import SAME, SPEECHES, Town

EACH = pytest.mark.parametrize("dialect", SPEECHES)
FOREIGN = pytest.mark.parametrize("dialect", [name for name in SPEECHES if name != "crossbar"])
STATUSES = {"crossbar": 200, "ringcentral": 204, "realm": 204}


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
    without = {name: value for name, value in options.items() if name != "body"}
    for method in ("GET", "HEAD"):  # a request that reads stands for nothing else
        fine = (200, 400) if dialect == "crossbar" else (200,)
        assert (await client.request(method, path, **without)).status in fine
    await client.request("PUT", path, data, **without)
    assert await town.world.app.store.get(town.accounts["self"], "users", town.users["self"]) is not None
    response = await client.request("POST", path, data, **options)
    there = await town.world.app.store.get(town.accounts["self"], "users", town.users["self"]) is not None
    if way in speaks[dialect]:
        assert (STATUSES[dialect] if boss else 403) == response.status
        assert there != boss
        return
    assert there
    assert response.status in (400, 405) if dialect == "crossbar" else response.status == 405


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
        refused = await boss.get(path.format(other=prefix), headers=SAME)
        assert (404, missing.body) == (refused.status, refused.body)
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


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_several_ids_in_the_body(town: Town, method: str) -> None:
    """Ids that stand in the body are authorized like those in the path."""
    client = await town.client("ringcentral", boss=False)
    ids = [town.devices["self"], town.desks["self"], town.devices["child"], town.devices["stranger"]]
    body: list[Any] = [*ids] if method == "DELETE" else [{"resourceId": id, "body": {"name": "Hall"}} for id in ids]
    accept = {"accept": "application/vnd.ringcentral.multipart+json"}
    path = town.path("ringcentral", "accounts:{mine} devices") + "/*"
    response = await client.request(method, path, body, headers=accept)
    own = 204 if method == "DELETE" else 200
    assert [own, 404, 404, 404] == [row["status"] for row in response.json()]
    tunnelled = await client.request("POST", path, body, headers={**accept, "x-http-method-override": method})
    assert [404, 404, 404] == [row["status"] for row in tunnelled.json()][1:]


@pytest.mark.parametrize("prefix", ["/restapi", "/restapi/v2", "/api/ver1.0/"])
async def test_other_prefixes(town: Town, prefix: str) -> None:
    """Each prefix of a dialect leads to the same things, and no further."""
    dialect = "realm" if prefix.startswith("/api") else "ringcentral"
    user = Client(town.world.app, await town.token(boss=False), speech=SPEECHES[dialect], prefix=prefix)
    own, other = [town.path(dialect, f"accounts:{{mine}} extensions:{{{who}}}") for who in ("user", "boss")]
    assert [200, 404] == [(await user.get(path)).status for path in (own, other)]
    assert 403 == (await user.delete(own)).status
    assert 404 == (await user.get(town.path(dialect, "accounts:{account}", "child"))).status
    assert 401 == (await Client(town.world.app, speech=SPEECHES[dialect], prefix=prefix).get(own)).status
