"""`Idempotency-Key`: the same create sent again is answered again, and happens once."""

from __future__ import annotations

import secrets
from typing import Any

import orjson
import pytest

from crossbar import Insert, Query
from crossbar.idempotency import KIND
from crossbar.kept_replies import MOST_KEPT
from crossbar.resource import new_id
from crossbar.stores import Document
from crossbar.testing import Client, Clock, Response, World

from .tools import ONE_STORE, Home, body_fields, ids, refused, token_field, wire

DEVICE = {"name": "Desk"}


def keyed(key: str = "") -> dict[str, str]:
    """Header fields with a key, one that nobody has used if none is given."""
    return {"idempotency-key": key or secrets.token_hex(16)}


def same(one: Response, other: Response) -> bool:
    """Whether two answers say the same, but for the request that each of them answers."""
    own = {"request_id", "timestamp", "tokens"}
    one_says, other_says = ({k: v for k, v in each.json().items() if k not in own} for each in (one, other))
    fields = ("etag", "location", "content-type")
    return (one.status, one_says, [one.headers.get(name) for name in fields]) == (
        other.status,
        other_says,
        [other.headers.get(name) for name in fields],
    )


async def test_a_repetition_gets_the_same_answer(home: Home) -> None:
    """The document is made once; the second answer says the same, under its own request id, and that it is one."""
    headers = keyed()
    first = await home.put("/devices", DEVICE, headers=headers)
    again = await home.put("/devices", DEVICE, headers=headers)
    assert (201, True) == (first.status, same(first, again))
    assert ("true", False) == (again.headers.get("idempotency-replayed"), "idempotency-replayed" in first.headers)
    assert again.json()["request_id"] == again.headers["x-request-id"] != first.headers["x-request-id"]
    assert [first.data["id"]] == ids(await home.get("/devices"))


async def test_without_a_key_every_create_happens(home: Home) -> None:
    """Nothing is remembered for requests that do not ask for it."""
    assert 2 == len({(await home.put("/devices", DEVICE)).data["id"] for _ in range(2)})


async def test_another_request_under_the_key(home: Home) -> None:
    """The key belongs to one request; another body is a 409, and changes nothing."""
    headers = keyed()
    first = await home.put("/devices", DEVICE, headers=headers)
    other = await home.put("/devices", {"name": "Other"}, headers=headers)
    assert "choose a new key" in refused(other, 409, "idempotency_key_reused")["message"]
    refused(await home.put("/devices?x=1", DEVICE, headers=headers), 409, "idempotency_key_reused")
    assert same(first, await home.put("/devices", DEVICE, headers=headers))
    assert [first.data["id"]] == ids(await home.get("/devices"))


async def test_how_a_request_is_spelled(home: Home) -> None:
    """Order and blanks of the JSON, a tunnelled verb, an alias in the path and a token elsewhere make no other one."""
    headers = keyed()
    first = await home.put("/devices", {"name": "Desk", "enabled": False}, headers=headers)
    body = b'{ "data": {"enabled": false, "name": "Desk"}, "auth_token": "%b" }' % str(home.client.token).encode()
    again = await home.client.request("PUT", home.at("/devices"), body=body, headers=headers | {"x-auth-token": ""})
    assert same(first, again)
    tunnelled = b'{"data": {"name": "Desk"}, "verb": "PUT"}'
    other = keyed()
    made = [await home.client.request("POST", home.at("/devices"), body=tunnelled, headers=other) for _ in range(2)]
    assert ([201, 201], True) == ([each.status for each in made], same(*made))


async def test_in_another_media_type(home: Home) -> None:
    """The answer is put into the form that the repetition asks for."""
    headers = keyed()
    first = await home.put("/devices", DEVICE, headers=headers)
    again = await home.put("/devices", DEVICE, headers=headers | {"accept": "text/csv"})
    assert (201, True) == (again.status, first.data["id"].encode() in again.body)
    assert "text/csv" in again.headers["content-type"]


@pytest.mark.parametrize("key", ["a", '"a"', "a" * 255, '"' + "b" * 255 + '"', 'a"b', r'"a\"b\\"', "~!%20", "a;b=c"])
async def test_keys(home: Home, key: str) -> None:
    """One to 255 visible characters, as a structured string or without quotation marks."""
    first = await home.put("/devices", DEVICE, headers=keyed(key))
    assert (201, True) == (first.status, same(first, await home.put("/devices", DEVICE, headers=keyed(key))))


async def test_quotation_marks_are_not_part_of_it(home: Home) -> None:
    """A client library that learns of the quotation marks repeats what it sent without them."""
    first = await home.put("/devices", DEVICE, headers=keyed("k\\"))
    assert same(first, await home.put("/devices", DEVICE, headers=keyed(r'"k\\"')))


@ONE_STORE
@pytest.mark.parametrize("key", [" ", '""', '"', '"a', "a" * 256, f'"{"a" * 256}"', "a b", "ä", '"a";b=1', '"a\\b"'])
async def test_what_is_no_key(home: Home, key: str) -> None:
    """Anything else is a 400, and nothing is made."""
    refused(await home.put("/devices", DEVICE, headers=keyed(key)), 400, "bad_idempotency_key")
    assert [] == (await home.get("/devices")).data


@ONE_STORE
async def test_two_keys(home: Home) -> None:
    """Servers on the way could each believe another one of two."""
    body = b'{"data":{"name":"Desk"}}'
    fields = [token_field(home.client), *body_fields(body), (b"idempotency-key", b"a"), (b"idempotency-key", b"a")]
    response = await wire(home.world.app, "PUT", f"/v2{home.at('/devices')}".encode(), fields, [body])
    refused(response, 400, "bad_idempotency_key")


@ONE_STORE
async def test_on_what_is_no_create(home: Home) -> None:
    """Other verbs can be repeated as they are; the field means nothing to them, whatever it holds."""
    id = await home.made("/devices", DEVICE)
    for key in ("k", "not a key"):
        assert 200 == (await home.get(f"/devices/{id}", headers=keyed(key))).status
        assert 200 == (await home.patch(f"/devices/{id}", {"name": "A"}, headers=keyed(key))).status
        assert 200 == (await home.patch(f"/devices/{id}", {"name": "B"}, headers=keyed(key))).status
    assert "B" == (await home.get(f"/devices/{id}")).data["name"]


async def test_each_caller_has_keys_of_their_own(home: Home) -> None:
    """The same key of somebody else, in another account or at another noun, is another key."""
    headers = keyed()
    master = await home.world.client("master")
    made = [
        await home.put("/devices", DEVICE, headers=headers),
        await master.put(home.at("/devices"), DEVICE, headers=headers),
        await home.client.put(f"/accounts/{home.world.customer}/devices", DEVICE, headers=headers),
        await home.put("/menus", DEVICE, headers=headers),
    ]
    assert ([201] * 4, 4) == ([each.status for each in made], len({each.data["id"] for each in made}))
    assert all("idempotency-replayed" not in each.headers for each in made)


async def test_users_of_one_account(home: Home, world: World) -> None:
    """Two users, and a program with the API key of the account, have each their own."""
    app = world.app
    now = int(app.clock())
    users = [Document.of(home.id, "users", new_id(), {"last_name": "x"}, now, {"identity": "x"}) for _ in range(2)]
    await app.store.write([Insert(user) for user in users])
    account = await app.tenants.account(home.id)
    assert account is not None
    clients = [Client(app, app.tokens.mint(account, user, "test")) for user in (*users, None)]
    headers = keyed()
    made = [await client.put("/account/devices", DEVICE, headers=headers) for client in clients for _ in range(2)]
    assert ([201] * 6, 3) == ([each.status for each in made], len({each.data["id"] for each in made}))


async def test_it_is_forgotten_after_a_day(own_world: World, own_clock: Clock) -> None:
    """For 24 hours the key is remembered; after that it is a new one."""
    client = await own_world.client("customer")
    headers = keyed()
    first = await client.put("/account/devices", DEVICE, headers=headers)
    own_clock.now += 86_399
    client = await own_world.client("customer")  # its old token has expired
    again = await client.put("/account/devices", DEVICE, headers=headers)
    own_clock.now += 1
    later = await client.put("/account/devices", DEVICE, headers=headers)
    assert (201, first.data["id"], "true") == (again.status, again.data["id"], again.headers["idempotency-replayed"])
    assert (201, True) == (later.status, later.data["id"] != first.data["id"])
    assert "idempotency-replayed" not in later.headers


async def test_refusals_are_not_remembered(home: Home) -> None:
    """Whoever is refused may correct the request and send it under the same key."""
    headers = keyed()
    refused(await home.put("/devices", {"name": 5}, headers=headers), 400)
    refused(await home.put("/devices", {}, headers=headers), 400)
    assert 201 == (await home.put("/devices", DEVICE, headers=headers)).status


async def test_unique_values(home: Home) -> None:
    """The value that the document itself has taken is not in the way of the repetition, but of a second document."""
    user = {"first_name": "Ada", "last_name": "Byron", "username": "ada", "password": "secret and long"}
    headers = keyed()
    first = await home.put("/users", user, headers=headers)
    assert (201, True) == (first.status, same(first, await home.put("/users", user, headers=headers)))
    refused(await home.put("/users", user, headers=keyed()), 400, "validation error")


@pytest.mark.parametrize("change", ["changed", "deleted"])
async def test_what_has_become_of_it_since(home: Home, change: str) -> None:
    """The answer is that of the create, whatever happened to the document later."""
    headers = keyed()
    first = await home.put("/devices", DEVICE, headers=headers)
    one = f"/devices/{first.data['id']}"
    await (home.patch(one, {"name": "Other"}) if change == "changed" else home.delete(one))
    assert same(first, await home.put("/devices", DEVICE, headers=headers))


async def test_a_large_document(home: Home) -> None:
    """Of a document over 64 KiB only the place is kept: the repetition shows it as it now is, or that it was there."""
    headers = keyed()
    large = DEVICE | {"note": "x" * MOST_KEPT}
    first = await home.put("/devices", large, headers=headers)
    one = f"/devices/{first.data['id']}"
    assert same(first, await home.put("/devices", large, headers=headers))
    await home.patch(one, {"name": "Other"})
    assert "Other" == (await home.put("/devices", large, headers=headers)).data["name"]
    await home.delete(one)
    gone = await home.put("/devices", large, headers=headers)
    assert (201, {"id": first.data["id"]}) == (gone.status, gone.data)
    assert first.headers["location"] == gone.headers["location"]


async def records(world: World, account_id: str) -> list[dict[str, Any]]:
    """What is remembered for an account."""
    found = await world.app.store.find(Query(account_id, KIND.name, limit=100, full=True))
    return [record.secrets() for record in found]


async def test_accounts(home: Home) -> None:
    """An account is made with several changes in one write, by an operation or by an action."""
    for path, name in ((home.at(), f"below {home.id}"), ("/accounts", f"beside {home.id}")):
        headers = keyed()
        first = await home.client.put(path, {"name": name}, headers=headers)
        assert (201, True) == (first.status, same(first, await home.client.put(path, {"name": name}, headers=headers)))
    below = await home.get("/children")
    assert [f"below {home.id}"] == [row["name"] for row in below.data]


async def test_an_action_that_makes_no_document(home: Home) -> None:
    """A new API key is made once, and told twice."""
    headers = keyed()
    first = await home.put("/api_key", {}, headers=headers)
    assert (201, True) == (first.status, same(first, await home.put("/api_key", {}, headers=headers)))
    assert first.data == (await home.get("/api_key")).data


async def test_tokens_are_kept_nowhere(own_world: World) -> None:
    """The token of the caller is in the answers and not in the record; a login makes a new one each time."""
    client = await own_world.client("customer")
    headers = keyed()
    first = await client.put("/account/devices", DEVICE, headers=headers)
    kept = orjson.dumps(await records(own_world, own_world.customer)).decode()
    assert (client.token, 1) == (first.json()["auth_token"], kept.count("fingerprint"))
    assert str(client.token) not in kept
    login = Client(own_world.app, client.token, headers=headers)
    tokens = {(await login.login("customer", "admin", "crossbar")).json()["auth_token"] for _ in range(2)}
    assert (2, 1) == (len(tokens), len(await records(own_world, own_world.customer)))
