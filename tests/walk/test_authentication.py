"""Who is asking: tokens, where they come from and when they end; logins; passwords."""

from __future__ import annotations

import hashlib
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import jwt
import orjson
import pytest

from crossbar.passwords import wire_credentials
from crossbar.testing import Client, Clock, Response, World

from .tools import ONE_STORE, Home, made, refused, wire

PASSWORD = "analytical-engine"
ADA = {"first_name": "Ada", "last_name": "Byron", "username": "ada", "password": PASSWORD}
DIGESTS = dict(zip(("md5", "sha"), wire_credentials("ada", PASSWORD), strict=True))


async def login(world: World, data: dict[str, Any], **options: Any) -> Response:
    """Try to log in."""
    return await Client(world.app).put("/user_auth", data, **options)


async def person(home: Home, **more: Any) -> Client:
    """A client that is logged in as a new user of the account; its user id is in the claims of its token."""
    await home.made("/users", ADA | more)
    client = Client(home.world.app)
    body = {"credentials": DIGESTS["md5"], "account_id": home.id}
    client.token = (await client.put("/user_auth", body)).json()["auth_token"]
    return client


def claims(token: str | None) -> dict[str, Any]:
    """What a token says, as clients read it: without checking anything."""
    payload = (token or "").split(".")[1]
    found: dict[str, Any] = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def user_path(client: Client) -> str:
    """The path of the user that a client is logged in as."""
    told = claims(client.token)
    return f"/accounts/{told['account_id']}/users/{told['owner_id']}"


async def works(client: Client) -> bool:
    """Whether the client's token is good."""
    response = await client.get("/about")
    if response.status != 200:
        refused(response, 401, "invalid_credentials")
    return response.status == 200


# Where the token comes from.

SCHEMES = ["Bearer", "bearer", "BEARER", "bEaReR"]


@ONE_STORE
@pytest.mark.parametrize("name", ["X-Auth-Token", "x-auth-token"])
async def test_a_token_in_its_own_header(client: Client, name: str) -> None:
    """`X-Auth-Token` says who is asking."""
    assert 200 == (await Client(client.app).get("/about", headers={name: client.token or ""})).status


@ONE_STORE
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("blanks", [" ", "  "], ids=["one-blank", "two-blanks"])
async def test_a_bearer_token(client: Client, scheme: str, blanks: str) -> None:
    """`Authorization: Bearer` says who is asking, the scheme in any letter case (RFC 9110, 11.1)."""
    headers = {"Authorization": f"{scheme}{blanks}{client.token}"}
    assert 200 == (await Client(client.app).get("/about", headers=headers)).status


async def test_a_token_in_the_query(client: Client) -> None:
    """`auth_token` in the query says who is asking."""
    assert 200 == (await Client(client.app).get(f"/about?auth_token={client.token}")).status


async def test_a_token_in_the_envelope(home: Home) -> None:
    """`auth_token` in the envelope says who is asking."""
    body = orjson.dumps({"data": {"name": "Desk"}, "auth_token": home.client.token})
    assert 201 == (await Client(home.world.app).request("PUT", home.at("/devices"), body=body)).status


async def test_a_token_inside_data_is_none(home: Home) -> None:
    """`auth_token` inside `data` is a field like any other."""
    body = orjson.dumps({"data": {"name": "Desk", "auth_token": home.client.token}})
    refused(await Client(home.world.app).request("PUT", home.at("/devices"), body=body), 401)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
async def test_basic_credentials(home: Home, scheme: str) -> None:
    """`Authorization: Basic` with `account_id:md5(username:password)` needs no login."""
    await home.made("/users", ADA)
    field = b64encode(f"{home.id}:{DIGESTS['md5']}".encode()).decode()
    response = await Client(home.world.app).get(home.at("/users"), headers={"Authorization": f"{scheme} {field}"})
    assert (200, False) == (response.status, "auth_token" in response.json())


async def test_basic_credentials_end_with_the_password(home: Home) -> None:
    """Basic credentials that were good once are looked at again when anything has changed."""
    user = await home.made("/users", ADA)
    headers = {"Authorization": "Basic " + b64encode(f"{home.id}:{DIGESTS['md5']}".encode()).decode()}
    caller = Client(home.world.app)
    assert 200 == (await caller.get(home.at(), headers=headers)).status
    assert 200 == (await home.patch(f"/users/{user}", {"password": "another-engine"})).status
    refused(await caller.get(home.at(), headers=headers), 401)


BASIC: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" ",
    "no-base64": b"%%%",
    "half-a-quantum": b"YQ",
    "no-colon": b64encode(b"abc"),
    "unknown-account": b64encode(b"f" * 32 + b":" + DIGESTS["md5"].encode()),
    "empty-account": b64encode(b":" + DIGESTS["md5"].encode()),
    "empty-digest": b64encode(b"{home}:"),
    "wrong-digest": b64encode(b"{home}:" + b"0" * 32),
    "plain-password": b64encode(b"{home}:" + PASSWORD.encode()),
    "user-name": b64encode(b"ada:" + PASSWORD.encode()),
    "not-utf-8": b64encode(b"\xff\xfe:\xff"),
    "nul": b64encode(b"\0:\0"),
    "latin": "\u00e4\u00f6".encode("latin-1"),
    "very-long": b64encode(b"a" * 8000),
}


@ONE_STORE
@pytest.mark.parametrize("field", BASIC.values(), ids=BASIC)
async def test_bad_basic_credentials(home: Home, field: bytes) -> None:
    """Whatever stands after `Basic`, it is a 401 if it is not somebody's credentials."""
    await home.made("/users", ADA)
    response = await wire(home.world.app, "GET", b"/v2/about", [(b"authorization", b"Basic " + field)])
    refused(response, 401, "invalid_credentials")


@ONE_STORE
@pytest.mark.parametrize("scheme", ["Digest x", "Bearer", "Bearer ", "", "x", "Negotiate YQ=="])
async def test_other_schemes_are_nobody(client: Client, scheme: str) -> None:
    """A scheme that is not spoken here is as good as no credentials."""
    refused(await Client(client.app).get("/about", headers={"Authorization": scheme}), 401, "invalid_credentials")


async def test_a_bad_token_is_not_made_up_for_by_a_good_one(client: Client) -> None:
    """An invalid token in the first place that has one is refused, whatever the other places hold."""
    caller = Client(client.app)
    good = {"Authorization": f"Bearer {client.token}"}
    refused(await caller.get("/about", headers={"X-Auth-Token": "bad"} | good), 401)
    refused(await caller.get(f"/about?auth_token={client.token}", headers={"X-Auth-Token": "bad"}), 401)
    refused(await caller.get("/about?auth_token=bad", headers=good), 401)


# Which tokens are good.


def resigned(token: str, key: bytes, algorithm: str = "HS256", drop: str = "", **changed: Any) -> str:
    """A token with other claims, signed with a key of one's own."""
    told = {name: value for name, value in (claims(token) | changed).items() if name != drop}
    return jwt.encode(told, key, algorithm=algorithm, headers={"kid": "crossbar"})


def encoded(part: Any) -> str:
    """A part of a JWT."""
    return urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode()


def tampered(token: str, **changed: Any) -> str:
    """A token with other claims under the old signature."""
    head, _, seal = token.split(".")
    return f"{head}.{encoded(claims(token) | changed)}.{seal}"


def unsigned(token: str, algorithm: str) -> str:
    """A token that asks not to be checked."""
    return f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'crossbar'})}.{token.split('.')[1]}."


KEY = b"k" * 32
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
FORGED: dict[str, Any] = {
    "empty": lambda token: "",
    "nonsense": lambda token: "nonsense",
    "dots": lambda token: "..",
    "many-dots": lambda token: "." * 50,
    "cut-off": lambda token: token[:-1],
    "longer": lambda token: token + "A",
    "padded": lambda token: token + "=",
    "spare-bits": lambda token: token[:-1] + DIGITS[DIGITS.index(token[-1]) ^ 1],
    "no-signature": lambda token: token.rpartition(".")[0] + ".",
    "two-parts": lambda token: token.rpartition(".")[0],
    "other-letter-case": lambda token: token.swapcase(),
    "other-key": lambda token: resigned(token, KEY),
    "other-key-hs512": lambda token: resigned(token, KEY * 2, "HS512"),
    "alg-none": lambda token: unsigned(token, "none"),
    "alg-None": lambda token: unsigned(token, "None"),
    "alg-rs256": lambda token: unsigned(token, "RS256") + token.rpartition(".")[2],
    "other-account": lambda token: tampered(token, account_id="a0" * 16),
    "other-user": lambda token: tampered(token, owner_id="a0" * 16),
    "longer-life": lambda token: tampered(token, exp=2**40),
    "header-no-json": lambda token: "AAAA." + token.partition(".")[2],
    "payload-a-list": lambda token: f"{token.split('.')[0]}.{encoded([])}.{token.split('.')[2]}",
    "not-ascii": lambda token: token + "\u00e4",
    "very-long": lambda token: token + "A" * 5000,
}


@ONE_STORE
@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("place", ["header", "bearer", "query", "envelope"])
async def test_forged_tokens(home: Home, forge: Any, place: str) -> None:
    """A token that is not exactly as it was issued is nobody's, wherever it stands."""
    token = forge(home.client.token)
    caller, path = Client(home.world.app), home.at("/devices")
    if place == "envelope":
        body = orjson.dumps({"data": {"name": "Desk"}, "auth_token": token})
        response = await caller.request("PUT", path, body=body)
    elif place == "query":
        response = await caller.get(path, query={"auth_token": token[:1500]})
    else:
        name, prefix = ("x-auth-token", "") if place == "header" else ("authorization", "Bearer ")
        response = await caller.get(path, headers={name: prefix + token})
    refused(response, 401, "invalid_credentials")


SIGNED: dict[str, dict[str, Any]] = {
    "no-expiry": {"drop": "exp"},
    "no-issuer": {"drop": "iss"},
    "other-issuer": {"iss": "somebody"},
    "no-account": {"drop": "account_id"},
    "unknown-account": {"account_id": "f" * 32},
    "no-id": {"drop": "jti"},
    "no-signature-of-identity": {"drop": "identity_sig"},
    "wrong-signature-of-identity": {"identity_sig": "0" * 64},
    "unknown-user": {"owner_id": "f" * 32},
    "account-instead-of-user": {"drop": "owner_id"},
    "other-algorithm": {"algorithm": "HS512"},
    "expired": {"exp": 1},
}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("change", SIGNED.values(), ids=SIGNED)
async def test_tokens_that_lack_something(own_world: World, change: dict[str, Any]) -> None:
    """Even with the right key a token needs all of its claims, and they must be true."""
    keys = await own_world.app.store.get("", "system", "keys")
    assert keys is not None
    client = await own_world.client("customer")
    key = bytes.fromhex(keys.secrets()["signing"])
    client.token = resigned(client.token or "", key)
    assert await works(client)
    client.token = resigned(client.token, key, **change)
    assert not await works(client)


async def test_no_token(home: Home) -> None:
    """Without credentials there is a 401, whatever is asked."""
    refused(await Client(home.world.app).get(home.at()), 401, "invalid_credentials")


async def test_tokens_expire(own_world: World, own_clock: Clock) -> None:
    """A token is good until its `exp`, and not a second longer, also if it was just used."""
    client = await own_world.client("customer")
    assert await works(client)
    own_clock.now = claims(client.token)["exp"] - 1
    assert await works(client)
    own_clock.now += 1
    assert not await works(client)
    assert 3600 == claims(client.token)["exp"] - claims(client.token)["iat"]


async def test_a_revoked_token_ends_at_once(client: Client) -> None:
    """DELETE of `token_auth` ends this token, and no other one of the same user."""
    other = Client(client.app)
    assert 201 == (await other.login("reseller", "admin", "crossbar")).status
    assert [True, True] == [await works(client), await works(other)]
    assert 200 == (await client.delete("/token_auth")).status
    assert [False, True] == [await works(client), await works(other)]


async def test_revoking_needs_a_token(home: Home) -> None:
    """Who came without a token has none to give up."""
    await home.made("/users", ADA)
    headers = {"Authorization": "Basic " + b64encode(f"{home.id}:{DIGESTS['md5']}".encode()).decode()}
    for method in ("GET", "DELETE"):
        refused(await Client(home.world.app).request(method, "/token_auth", headers=headers), 401)
        refused(await Client(home.world.app).request(method, "/token_auth"), 401)


async def test_a_token_describes_itself(client: Client) -> None:
    """GET of `token_auth` tells the claims, but not what could help to forge one."""
    told = (await client.get("/token_auth")).data
    assert claims(client.token) == told | {"identity_sig": claims(client.token)["identity_sig"]}
    assert "identity_sig" not in told


async def test_a_token_has_the_claims_that_clients_read(home: Home) -> None:
    """A token is a JWT with Kazoo's claims; the web UI decodes it without a key."""
    client = await person(home)
    told = claims(client.token)
    assert ("kazoo", home.id, "cb_user_auth") == (told["iss"], told["account_id"], told["method"])
    assert {"owner_id": str, "exp": int, "identity_sig": str} == {
        key: type(told[key]) for key in ("owner_id", "exp", "identity_sig")
    }
    assert {"alg", "typ", "kid"} == set(jwt.get_unverified_header(client.token or ""))


ENDS: dict[str, tuple[str, str, Any]] = {
    "new-password": ("PATCH", "{user}", {"password": "another-engine"}),
    "replaced-with-password": ("POST", "{user}", ADA | {"password": "another-engine"}),
    "same-password-again": ("PATCH", "{user}", {"password": PASSWORD}),
    "user-disabled": ("PATCH", "{user}", {"enabled": False}),
    "user-deleted": ("DELETE", "{user}", None),
    "user-destroyed": ("DELETE", "{user}?should_soft_delete=false", None),
    "account-disabled": ("PATCH", "{account}", {"enabled": False}),
    "account-deleted": ("DELETE", "{account}", None),
}


@pytest.mark.parametrize(("method", "path", "data"), ENDS.values(), ids=ENDS)
async def test_what_ends_a_token(home: Home, method: str, path: str, data: Any) -> None:
    """A change of password and the end of a user or account end the user's tokens at once."""
    client = await person(home)
    assert await works(client)
    path = path.format(user=user_path(client), account=home.at())
    assert 200 == (await home.client.request(method, path, data)).status
    assert not await works(client)


GOES_ON: dict[str, tuple[str, dict[str, Any]]] = {
    "name": ("PATCH", {"last_name": "King"}),
    "replaced": ("POST", {key: value for key, value in ADA.items() if key != "password"}),
    "still-enabled": ("PATCH", {"enabled": True}),
}


@pytest.mark.parametrize(("method", "data"), GOES_ON.values(), ids=GOES_ON)
async def test_what_does_not_end_a_token(home: Home, method: str, data: Any) -> None:
    """Other changes leave the tokens alone."""
    client = await person(home)
    assert 200 == (await home.client.request(method, user_path(client), data)).status
    assert await works(client)


async def test_a_user_who_is_enabled_again_may_go_on(home: Home) -> None:
    """A disabled user has no way in; once enabled again, the password works as before."""
    client = await person(home)
    assert 200 == (await home.client.patch(user_path(client), {"enabled": False})).status
    refused(await login(home.world, {"credentials": DIGESTS["md5"], "account_id": home.id}), 401)
    assert 200 == (await home.client.patch(user_path(client), {"enabled": True})).status
    assert 201 == (await login(home.world, {"credentials": DIGESTS["md5"], "account_id": home.id})).status


# Logging in.


@pytest.mark.parametrize("method", ["md5", "sha", None], ids=["md5", "sha1", "unsaid"])
@pytest.mark.parametrize("name", ["account_name", "account_realm", "realm", "account_id"])
async def test_login(home: Home, method: str | None, name: str) -> None:
    """A user logs in with either digest, and with the account by name, realm or id."""
    user = await home.made("/users", ADA)
    account = (await home.get()).data
    named = {"account_name": account["name"], "account_id": home.id}.get(name, account["realm"])
    data = {"credentials": DIGESTS[method or "md5"], name: named} | ({"method": method} if method else {})
    response = await login(home.world, data)
    assert 201 == response.status, response.body
    expected = {"account_id": home.id, "owner_id": user, "account_name": account["name"], "apps": []}
    assert expected == {key: response.data[key] for key in expected}
    client = Client(home.world.app, response.json()["auth_token"])
    assert 200 == (await client.get(home.at())).status


@pytest.mark.parametrize(
    "spell",
    [str.upper, str.lower, lambda name: name.replace(" ", ""), lambda name: f"  {name} ", lambda name: " ".join(name)],
    ids=["upper", "lower", "no-blanks", "blanks-around", "blanks-everywhere"],
)
async def test_login_reads_account_names_leniently(home: Home, spell: Any) -> None:
    """Letter case and blanks of the account's name do not matter."""
    await home.made("/users", ADA)
    assert 200 == (await home.patch("", {"name": f"Nice Name {home.id}"})).status
    data = {"credentials": DIGESTS["md5"], "account_name": spell(f"Nice Name {home.id}")}
    assert 201 == (await login(home.world, data)).status


async def test_login_follows_a_new_name(home: Home) -> None:
    """An account that was renamed is found by its new name, and not by the old one."""
    await home.made("/users", ADA)
    old, new = (await home.get()).data["name"], f"Renamed {home.id}"
    assert 200 == (await home.patch("", {"name": new})).status
    statuses = [
        (await login(home.world, {"credentials": DIGESTS["md5"], "account_name": name})).status for name in (old, new)
    ]
    assert [401, 201] == statuses


async def test_login_reads_realms_in_any_letter_case(home: Home) -> None:
    """A realm is a domain name, whose letter case never matters."""
    await home.made("/users", ADA)
    realm = f"Acme-{home.id}.Example.com"
    assert 200 == (await home.patch("", {"realm": realm})).status
    for spelt in (realm, realm.lower(), realm.upper()):
        assert 201 == (await login(home.world, {"credentials": DIGESTS["md5"], "realm": spelt})).status


async def test_login_reads_digests_in_any_letter_case(home: Home) -> None:
    """Hex digits are hex digits."""
    await home.made("/users", ADA)
    assert 201 == (await login(home.world, {"credentials": DIGESTS["md5"].upper(), "account_id": home.id})).status


async def test_a_user_name_is_kept_as_digests_are_made(home: Home) -> None:
    """Clients lower a user name before they digest it, so it is lowered here as well."""
    await home.made("/users", ADA | {"username": "ADA"})
    assert 201 == (await login(home.world, {"credentials": DIGESTS["md5"], "account_id": home.id})).status


@pytest.mark.parametrize("path", ["/v1/user_auth", "/v2/user_auth/"])
async def test_login_in_every_version(home: Home, path: str) -> None:
    """Both versions let people in."""
    await home.made("/users", ADA)
    data = {"credentials": DIGESTS["md5"], "account_id": home.id}
    assert 201 == (await Client(home.world.app).put("/" + path, data)).status


async def test_login_through_post(home: Home) -> None:
    """A client that can only POST logs in, too."""
    await home.made("/users", ADA)
    data = {"credentials": DIGESTS["md5"], "account_id": home.id}
    caller = Client(home.world.app)
    body = orjson.dumps({"data": data, "verb": "put"})
    assert 201 == (await caller.post("/user_auth?verb=PUT", data)).status
    assert 201 == (await caller.request("POST", "/user_auth", body=body)).status


async def test_bad_logins_look_the_same(home: Home) -> None:
    """Who fails to log in does not learn whether account or user exist."""
    await home.made("/users", ADA)
    name = (await home.get()).data["name"]
    bodies = set()
    for data in (
        {"credentials": "0" * 32, "account_name": name},
        {"credentials": "0" * 32, "account_name": "no such account"},
        {"credentials": DIGESTS["md5"], "account_name": "reseller"},
        {"credentials": DIGESTS["md5"], "account_name": name, "method": "sha"},
        {"credentials": DIGESTS["sha"], "account_name": name, "method": "md5"},
        {"credentials": DIGESTS["md5"], "account_id": "f" * 32},
        {"credentials": DIGESTS["md5"], "realm": "no.such.realm"},
    ):
        response = await login(home.world, data, headers={"x-request-id": "same"})
        refused(response, 401, "invalid_credentials")
        bodies.add(response.body)
    assert 1 == len(bodies)


@ONE_STORE
@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "credentials"),
        ({"credentials": "short", "account_name": "demo"}, "credentials"),
        ({"credentials": 5, "account_name": "demo"}, "credentials"),
        ({"credentials": "0" * 32}, "account_name"),
        ({"credentials": "0" * 32, "account_name": ""}, "account_name"),
        ({"credentials": "0" * 32, "account_name": []}, "account_name"),
        ({"credentials": "0" * 32, "account_id": {"$ne": 1}}, "account_id"),
        ({"credentials": "0" * 32, "account_name": "demo", "method": "plain"}, "method"),
    ],
    ids=["nothing", "short", "number", "no-account", "empty-name", "list", "object", "method"],
)
async def test_logins_that_lack_something(client: Client, data: Any, field: str) -> None:
    """A login that cannot be understood is a 400 that names the field, and repeats no credentials."""
    response = await login(World(client.app), data)
    assert field in refused(response, 400, "validation error")
    assert b'"short"' not in response.body


STALE = {"garbage": "nonsense", "forged": "x.y.z", "expired": "", "revoked": ""}


@pytest.mark.parametrize("kind", STALE)
@pytest.mark.parametrize("place", ["header", "bearer", "query", "envelope"])
async def test_a_stale_token_does_not_hinder_a_login(own_world: World, own_clock: Clock, kind: str, place: str) -> None:
    """A client that still sends its old token along gets a new one."""
    client = await own_world.client("customer")
    token = STALE[kind] or client.token or ""
    if kind == "expired":
        own_clock.now += 4000
    elif kind == "revoked":
        assert 200 == (await client.delete("/token_auth")).status
    if kind in ("expired", "revoked"):
        assert not await works(client)
    envelope: dict[str, Any] = {
        "data": {"credentials": wire_credentials("admin", "crossbar")[0], "account_name": "customer"}
    }
    headers = {"header": {"x-auth-token": token}, "bearer": {"authorization": f"Bearer {token}"}}.get(place, {})
    query = {"auth_token": token} if place == "query" else {}
    if place == "envelope":
        envelope["auth_token"] = token
    response = await Client(own_world.app).request(
        "PUT", "/user_auth", body=orjson.dumps(envelope), headers=headers, query=query
    )
    assert 201 == response.status, response.body
    assert token != response.json()["auth_token"]
    assert await works(Client(own_world.app, response.json()["auth_token"]))


async def test_a_good_token_does_not_hinder_a_login(home: Home) -> None:
    """Who is logged in may log in as somebody else, and gets that one's token."""
    await home.made("/users", ADA)
    response = await home.client.put("/user_auth", {"credentials": DIGESTS["md5"], "account_id": home.id})
    assert (201, home.id) == (response.status, claims(response.json()["auth_token"])["account_id"])


# API keys.


async def test_login_with_an_api_key(home: Home) -> None:
    """A program logs in with the account's key, and is no user."""
    key = (await home.get("/api_key")).data["api_key"]
    response = await Client(home.world.app).put("/api_auth", {"api_key": key})
    assert (201, home.id) == (response.status, response.data["account_id"])
    token = response.json()["auth_token"]
    assert ("cb_api_auth", False) == (claims(token)["method"], "owner_id" in claims(token))
    assert 200 == (await Client(home.world.app, token).get(home.at())).status


@pytest.mark.parametrize(
    "spell", [str.upper, lambda key: f"{key[:-1]}{int(key[-1], 16) ^ 1:x}"], ids=["upper", "other"]
)
async def test_other_api_keys(home: Home, spell: Any) -> None:
    """A key that is not exactly the account's is nobody's."""
    key = (await home.get("/api_key")).data["api_key"]
    refused(await Client(home.world.app).put("/api_auth", {"api_key": spell(key)}), 401, "invalid_credentials")


@ONE_STORE
@pytest.mark.parametrize("data", [{}, {"api_key": ""}, {"api_key": "x" * 64}, {"api_key": 5}, {"api_key": "0" * 63}])
async def test_what_is_no_api_key(client: Client, data: Any) -> None:
    """What cannot be a key is a 400 that names the field."""
    assert {"api_key"} == set(refused(await Client(client.app).put("/api_auth", data), 400, "validation error"))


@pytest.mark.parametrize("end", ["new-key", "disabled", "deleted"])
async def test_what_ends_an_api_key(home: Home, end: str) -> None:
    """A new key, or the end of the account, ends the old key and all tokens that it brought."""
    key = (await home.get("/api_key")).data["api_key"]
    caller = Client(home.world.app)
    caller.token = (await caller.put("/api_auth", {"api_key": key})).json()["auth_token"]
    assert await works(caller)
    change = {
        "new-key": home.put("/api_key"),
        "disabled": home.patch("", {"enabled": False}),
        "deleted": home.delete(""),
    }
    for name, doing in change.items():
        if name == end:
            response = await doing
            assert response.status in (200, 201)
        else:
            doing.close()
    assert not await works(caller)
    refused(await Client(home.world.app).put("/api_auth", {"api_key": key}), 401)
    if end == "new-key":
        assert 201 == (await Client(home.world.app).put("/api_auth", {"api_key": response.data["api_key"]})).status


@ONE_STORE
@pytest.mark.parametrize("name", ["master", "reseller", "customer", "department", "stranger"])
async def test_the_keys_of_the_small_world_work(world: World, name: str) -> None:
    """An API key that can be read can be used, also in the world that `crossbar.testing` makes."""
    key = (await (await world.client(name)).get(f"/accounts/{getattr(world, name)}/api_key")).data["api_key"]
    assert 201 == (await Client(world.app).put("/api_auth", {"api_key": key})).status


async def test_a_new_api_key_leaves_users_alone(home: Home) -> None:
    """Users' tokens do not hang on the account's key."""
    client = await person(home)
    assert 201 == (await home.put("/api_key")).status
    assert await works(client)


# Passwords at rest.


async def test_a_password_never_comes_back(home: Home) -> None:
    """No answer and no stored body holds the password or a digest that a client could send."""
    secrets = [PASSWORD, *DIGESTS.values(), "another-engine", *wire_credentials("ada", "another-engine")]
    created = await home.put("/users", ADA)
    id = created.data["id"]
    path = f"/users/{id}"
    answers = [
        created,
        await home.get(path),
        await home.get("/users"),
        await home.get("/users?full_docs=true"),
        await home.get("/users?fields=password,username,credentials"),
        await home.get("/users?paginate=false&full_docs=true"),
        await home.get("/users?full_docs=true", headers={"Accept": "text/csv"}),
        await home.post(path, ADA | {"password": "another-engine"}),
        await home.patch(path, {"password": PASSWORD}),
        await home.put("/users", ADA),
        await home.patch(path, {"username": "other"}),
        await login(home.world, {"credentials": DIGESTS["md5"], "account_id": home.id}),
    ]
    document = await home.world.app.store.get(home.id, "users", id)
    assert document is not None
    answers.append(await home.delete(path))
    for answer in answers:
        assert [] == [secret for secret in secrets if secret.encode() in answer.body]
        assert b'"password"' not in answer.body or answer.status == 400
    assert [] == [secret for secret in secrets if secret.encode() in document.body + (document.private or b"")]


async def test_passwords_are_kept_as_argon2id(home: Home) -> None:
    """At rest there is Argon2id of each digest, salted by account: neither digest, nor a quick hash of one."""
    from argon2.low_level import Type, hash_secret_raw

    user = await home.made("/users", ADA)
    document = await home.world.app.store.get(home.id, "users", user)
    assert document is not None
    kept = document.secrets()["credentials"]
    assert {"md5", "sha"} == set(kept)
    for method, digest in DIGESTS.items():
        texts = (digest, f"{home.id}:{digest}", home.id + digest, PASSWORD, f"ada:{PASSWORD}")
        names = ("md5", "sha1", "sha256", "sha512")
        quick = {hashlib.new(name, text.encode()).hexdigest() for name in names for text in texts}
        assert kept[method] not in quick | {digest}
        salt = hashlib.sha256(b"crossbar credentials " + home.id.encode()).digest()[:16]
        memory = home.world.app.settings.auth.hash_memory * 1024
        slow = hash_secret_raw(digest.encode(), salt, 1, memory, 1, 32, Type.ID).hex()
        assert slow == kept[method]


async def test_the_same_password_is_kept_differently_in_each_account(home: Home) -> None:
    """Two accounts whose users have the same name and password share no stored digest."""
    other = await made(home.client, home.at(), {"name": f"Below {home.id}"})
    kept = []
    for account in (home.id, other):
        user = await made(home.client, f"/accounts/{account}/users", ADA)
        document = await home.world.app.store.get(account, "users", user)
        assert document is not None
        kept += document.secrets()["credentials"].values()
    assert 4 == len(set(kept))


async def test_a_user_of_one_account_is_nobody_in_another(home: Home) -> None:
    """Good credentials with another account's name are bad ones."""
    await home.made("/users", ADA)
    for account in (home.world.reseller, home.world.customer, home.world.stranger):
        refused(await login(home.world, {"credentials": DIGESTS["md5"], "account_id": account}), 401)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"username": "countess"}, "password"),
        ({"username": None}, "password"),
    ],
    ids=["renamed", "name-removed"],
)
async def test_a_new_user_name_needs_the_password(home: Home, data: Any, field: str) -> None:
    """The digests hold the name, so it cannot be changed without the password."""
    client = await person(home)
    assert field in refused(await home.client.patch(user_path(client), data), 400, "validation error")
    assert await works(client)


async def test_a_password_needs_a_user_name(home: Home) -> None:
    """Without a name nobody can log in."""
    body = {key: value for key, value in ADA.items() if key != "username"}
    assert {"username"} == set(refused(await home.put("/users", body), 400, "validation error"))


async def test_a_new_name_with_the_password_works(home: Home) -> None:
    """Name and password may change together."""
    client = await person(home)
    data = {"username": "countess", "password": "another-engine"}
    assert 200 == (await home.client.patch(user_path(client), data)).status
    digest = wire_credentials("countess", "another-engine")[0]
    assert 201 == (await login(home.world, {"credentials": digest, "account_id": home.id})).status
    refused(await login(home.world, {"credentials": DIGESTS["md5"], "account_id": home.id}), 401)


async def test_an_application_can_be_stopped_and_started_again(own_world: World) -> None:
    """A host that enters the lifespan twice can still log people in."""
    await own_world.app.stop()
    await own_world.app.start()
    client = Client(own_world.app)
    assert 201 == (await client.login("customer", "admin", "crossbar")).status
