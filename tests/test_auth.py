"""Who is asking: passwords, tokens, Basic credentials, and the tree of accounts."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt
import orjson
import pytest

from crossbar import (
    BadIdentifier,
    Context,
    Crossbar,
    Delete,
    Document,
    Principal,
    Replace,
    Unauthorized,
    enabled,
    login_name,
)
from crossbar.auth import ANONYMOUS, Tokens
from crossbar.passwords import Hasher, find_user, password_secrets, wire_credentials
from crossbar.settings import Auth
from crossbar.signed import ISSUER
from crossbar.stores.memory import MemoryStore
from crossbar.tenants import Tenants
from crossbar.testing import NOW, Client, Clock, World, scope_of, small_world

SETTINGS = Auth(hash_memory=8)
KEY = b"k" * 32
LIFE = SETTINGS.token_life
MD5, SHA = wire_credentials("admin", "crossbar")


class Desk:
    """A small world with a token desk of known key and clock."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world = world
        self.store = world.app.store
        self.clock = clock
        self.tenants = Tenants(self.store)
        self.tokens = Tokens(self.store, self.tenants, KEY, SETTINGS, self.clock)
        self.id = world.customer
        self.user_id = self.id[:16] + "0" * 16

    async def account(self) -> Document:
        """The account of the tests, as it now is."""
        found = await self.store.get("", "accounts", self.id)
        assert found is not None
        return found

    async def user(self) -> Document:
        """Its user, as it now is."""
        found = await self.store.get(self.id, "users", self.user_id)
        assert found is not None
        return found

    async def token(self) -> str:
        """A good token of the user."""
        return self.tokens.mint(await self.account(), await self.user(), "cb_user_auth")

    async def change(self, document: Document, **fields: Any) -> None:
        """Change fields of a document's body."""
        await self.store.write([Replace(document.with_data({**document.data(), **fields}))])

    async def change_private(self, document: Document, **fields: Any) -> None:
        """Change fields of a document's private part."""
        await self.store.write([Replace(document.with_secrets({**document.secrets(), **fields}))])


@pytest.fixture
async def desk() -> Desk:
    """Give a token desk in a world of its own."""
    clock = Clock()
    return Desk(await small_world(clock=clock), clock)


@pytest.fixture(scope="module")
async def shared() -> Desk:
    """Give a token desk for tests that change nothing that others see."""
    clock = Clock()
    return Desk(await small_world(clock=clock), clock)


async def refused(desk: Desk, token: str) -> str:
    """Give the message with which a token is refused, the first time and the second."""
    messages = []
    for _ in range(2):
        with pytest.raises(Unauthorized) as error:
            await desk.tokens.check(token)
        messages.append(error.value.message)
    assert messages[0] == messages[1]
    return messages[0]


# Passwords.


def test_wire_credentials() -> None:
    """Clients send md5 or sha1 of the user name in lower case, a colon, and the password as it is."""
    expected = hashlib.md5(b"ada:Secret").hexdigest(), hashlib.sha1(b"ada:Secret").hexdigest()
    assert [expected, expected] == [wire_credentials("ada", "Secret"), wire_credentials("ADA", "Secret")]
    assert wire_credentials("ada", "Secret") != wire_credentials("ada", "secret")
    assert hashlib.md5(b"ada:\xc3\xa4").hexdigest() == wire_credentials("ada", "\u00e4")[0]


def test_hashes() -> None:
    """The same digest in the same account has one hash; another digest or another account has another."""
    hasher = Hasher(SETTINGS)
    first = hasher.digest_now("a" * 32, "one")
    assert first == hasher.digest_now("a" * 32, "one")
    assert 3 == len({first, hasher.digest_now("b" * 32, "one"), hasher.digest_now("a" * 32, "two")})
    assert (64, True) == (len(first), int(first, 16) > 0)


async def test_hashing_in_the_pool() -> None:
    """The pool gives the same hashes, however many are asked for at once."""
    hasher = Hasher(SETTINGS)
    found = await asyncio.gather(*(hasher.digest(str(number), "one") for number in range(8)))
    hasher.close()
    assert [hasher.digest_now(str(number), "one") for number in range(8)] == found


async def test_closing_a_hasher() -> None:
    """A hasher can be closed without having been used, and twice, and is good for use again."""
    hasher = Hasher(SETTINGS)
    hasher.close()
    first = await hasher.digest("a", "one")
    hasher.close()
    hasher.close()
    assert first == await hasher.digest("a", "one")
    hasher.close()


async def test_what_is_kept_of_a_password() -> None:
    """Of a password only hashes of its digests are kept, and a fresh identity each time."""
    hasher = Hasher(SETTINGS)
    one = await password_secrets(hasher, "t", "admin", "crossbar")
    two = await password_secrets(hasher, "t", "ADMIN", "crossbar")
    hasher.close()
    assert (one["credentials"], False) == (two["credentials"], one["identity"] == two["identity"])
    written = orjson.dumps(one)
    assert [] == [secret for secret in ("crossbar", MD5, SHA) if secret.encode() in written]


@pytest.mark.parametrize(
    ("name", "expected"), [("Demo", "demo"), (" De mo ", "demo"), ("DEMO\t1", "demo1"), ("", ""), ("ÄB", "äb")]
)
def test_login_name(name: str, expected: str) -> None:
    """Accounts are found by their names in lower case and without blanks."""
    assert expected == login_name(name)


@pytest.mark.parametrize(
    ("body", "expected"),
    [({}, True), ({"enabled": True}, True), ({"enabled": None}, True), ({"enabled": False}, False)],
)
def test_enabled(body: dict[str, Any], expected: bool) -> None:
    """Only `false` switches an account or user off."""
    assert expected is enabled(Document.of("", "accounts", "a", body, NOW))


async def test_every_login_costs_one_hash(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether account and user exist or not, one hash is computed, so that time tells nothing."""
    hasher, asked = Hasher(SETTINGS), list[str]()
    original = hasher.digest_now

    def counted(credentials: str, account_id: str) -> str:
        asked.append(account_id)
        return original(credentials, account_id)

    monkeypatch.setattr(hasher, "digest_now", counted)
    account = await shared.account()
    found = [
        await find_user(shared.store, hasher, account, "md5", MD5),
        await find_user(shared.store, hasher, account, "md5", MD5.upper()),
        await find_user(shared.store, hasher, account, "sha", SHA),
        await find_user(shared.store, hasher, account, "md5", SHA),
        await find_user(shared.store, hasher, account, "md5", "0" * 32),
        await find_user(shared.store, hasher, account, "md5", ""),
        await find_user(shared.store, hasher, None, "md5", MD5),
    ]
    hasher.close()
    assert [shared.user_id] * 3 + [None] * 4 == [user.id if user else None for user in found]
    assert 7 == len(asked)


# Logging in.


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param({"credentials": MD5, "account_name": "customer"}, 201, id="md5 and name"),
        pytest.param({"credentials": MD5.upper(), "account_name": "customer"}, 201, id="md5 in capitals"),
        pytest.param({"credentials": SHA, "method": "sha", "account_name": "customer"}, 201, id="sha"),
        pytest.param({"credentials": MD5, "account_name": " Cus Tomer"}, 201, id="a name with blanks and capitals"),
        pytest.param({"credentials": MD5, "account_realm": "customer.example.com"}, 201, id="realm"),
        pytest.param({"credentials": MD5, "realm": "customer.example.com"}, 201, id="realm of old clients"),
        pytest.param({"credentials": MD5, "account_id": "c0" * 16}, 201, id="id"),
        pytest.param({"credentials": "0" * 32, "account_name": "customer"}, 401, id="another password"),
        pytest.param({"credentials": SHA, "account_name": "customer"}, 401, id="sha as md5"),
        pytest.param({"credentials": MD5, "account_name": "nobody"}, 401, id="an unknown account"),
        pytest.param({"credentials": MD5, "account_id": "users"}, 401, id="an unknown id"),
        pytest.param({"credentials": MD5, "account_id": ["c0" * 16]}, 400, id="a list for an id"),
        pytest.param({"credentials": MD5, "account_name": {"$ne": ""}}, 400, id="an object for a name"),
        pytest.param({"credentials": MD5, "realm": ["x"]}, 400, id="a list for a realm"),
        pytest.param({"credentials": MD5}, 400, id="no account"),
        pytest.param({"account_name": "customer"}, 400, id="no credentials"),
        pytest.param({"credentials": {"$ne": ""}, "account_name": "customer"}, 400, id="an object for credentials"),
        pytest.param({"credentials": None, "account_name": "customer"}, 400, id="null for credentials"),
    ],
)
async def test_login(shared: Desk, data: dict[str, Any], status: int) -> None:
    """Whoever names the account and proves the password gets a token, everybody else a 401 or a 400."""
    client = Client(shared.world.app)
    response = await client.put("/user_auth", data)
    assert status == response.status, response.body
    if status == 201:
        envelope = response.json()
        assert (shared.id, shared.user_id) == (envelope["data"]["account_id"], envelope["data"]["owner_id"])
        client.token = envelope["auth_token"]
        assert 200 == (await client.get(f"/accounts/{shared.id}")).status


async def test_all_failed_logins_look_alike(desk: Desk) -> None:
    """A wrong password, an unknown account, a disabled account and a disabled user cannot be told apart."""
    client = Client(desk.world.app)
    attempts = [{"credentials": "0" * 32, "account_name": "customer"}, {"credentials": MD5, "account_name": "nobody"}]
    seen = [await client.put("/user_auth", data) for data in attempts]
    await desk.change(await desk.user(), enabled=False)
    seen.append(await client.put("/user_auth", {"credentials": MD5, "account_name": "customer"}))
    await desk.change(await desk.user(), enabled=True)
    await desk.change(await desk.account(), enabled=False)
    seen.append(await client.put("/user_auth", {"credentials": MD5, "account_name": "customer"}))
    ours = {"request_id", "timestamp"}
    bodies = [{key: value for key, value in response.json().items() if key not in ours} for response in seen]
    assert (4 * [401], 4 * [bodies[0]]) == ([response.status for response in seen], bodies)


async def test_logging_in_with_an_old_token(shared: Desk) -> None:
    """A client that sends its old token along can log in again."""
    client = Client(shared.world.app, token="x.y.z")
    assert 201 == (await client.put("/user_auth", {"credentials": MD5, "account_name": "customer"})).status


# Tokens.


async def test_a_token_says_who_it_is_for(shared: Desk) -> None:
    """A token is a JWT with the claims that Kazoo's clients read, good for its life."""
    token = await shared.token()
    claims = jwt.decode(token, options={"verify_signature": False})
    signature = claims.pop("identity_sig")
    assert (64, 32) == (len(signature), len(claims.pop("jti")))
    assert {
        "iss": "kazoo",
        "account_id": shared.id,
        "owner_id": shared.user_id,
        "method": "cb_user_auth",
        "iat": NOW,
        "exp": NOW + LIFE,
    } == claims
    assert {"alg": "HS256", "typ": "JWT"}.items() <= jwt.get_unverified_header(token).items()


async def test_a_good_token(shared: Desk) -> None:
    """A good token leads to its account and its user, the first time and each time after."""
    token = await shared.token()
    first, second = await shared.tokens.check(token), await shared.tokens.check(token)
    assert first == second
    assert (shared.id, shared.user_id, "cb_user_auth", token, False) == (
        first.account_id,
        first.user_id,
        first.method,
        first.token,
        first.master,
    )


async def test_a_token_of_an_account(shared: Desk) -> None:
    """A token without a user stands for the account."""
    token = shared.tokens.mint(await shared.account(), None, "cb_api_auth")
    principal = await shared.tokens.check(token)
    assert (shared.id, None) == (principal.account_id, principal.user_id)


async def test_no_two_tokens_are_the_same(shared: Desk) -> None:
    """Two tokens made in the same second differ, so that one can be ended without the other."""
    one, two = await shared.token(), await shared.token()
    await shared.tokens.revoke(await shared.tokens.check(one))
    assert (True, shared.id) == (one != two, (await shared.tokens.check(two)).account_id)


def parts(token: str) -> list[str]:
    """Give header, payload and signature of a token."""
    return token.split(".")


def encoded(value: Any) -> str:
    """Give a part of a token."""
    return urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def payload(token: str) -> dict[str, Any]:
    """Give what a token says."""
    text = parts(token)[1]
    claims: dict[str, Any] = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return claims


def resigned(token: str, key: bytes = KEY, **changes: Any) -> str:
    """Give a token with other claims, signed; a claim that is None is left out."""
    claims = {name: value for name, value in {**payload(token), **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm="HS256")


FORGERIES: list[tuple[str, Callable[[str], str]]] = [
    ("nothing", lambda token: ""),
    ("a word", lambda token: "token"),
    ("two dots", lambda token: ".."),
    ("Basic", lambda token: f"Basic {token}"),
    ("another account", lambda t: f"{parts(t)[0]}.{encoded({**payload(t), 'account_id': 'a0' * 16})}.{parts(t)[2]}"),
    ("a later end", lambda t: f"{parts(t)[0]}.{encoded({**payload(t), 'exp': NOW * 2})}.{parts(t)[2]}"),
    ("no signature", lambda token: ".".join([*parts(token)[:2], ""])),
    ("no dot for the signature", lambda token: ".".join(parts(token)[:2])),
    ("half a signature", lambda token: token[:-20]),
    ("alg none", lambda token: jwt.encode(payload(token), "", algorithm="none")),
    ("alg None", lambda token: f"{encoded({'alg': 'None', 'typ': 'JWT'})}.{parts(token)[1]}."),
    ("alg none, signed", lambda token: ".".join([encoded({"alg": "none"}), *parts(token)[1:]])),
    ("alg HS512", lambda token: jwt.encode(payload(token), KEY * 2, algorithm="HS512")),
    ("alg HS512 of the key", lambda token: jwt.encode(payload(token), KEY + KEY, algorithm="HS512")),
    ("alg RS256", lambda token: ".".join([encoded({"alg": "RS256", "typ": "JWT"}), *parts(token)[1:]])),
    ("no alg", lambda token: ".".join([encoded({"typ": "JWT"}), *parts(token)[1:]])),
    ("another key", lambda token: resigned(token, b"j" * 32)),
    ("unknown crit", lambda t: jwt.encode(payload(t), KEY, "HS256", headers={"crit": ["x"], "x": 1})),
    ("another issuer", lambda token: resigned(token, iss="somebody")),
    ("no issuer", lambda token: resigned(token, iss=None)),
    ("no end", lambda token: resigned(token, exp=None)),
    ("no account", lambda token: resigned(token, account_id=None)),
    ("no method", lambda token: resigned(token, method=None)),
    ("no jti", lambda token: resigned(token, jti=None)),
    ("no identity", lambda token: resigned(token, identity_sig=None)),
    ("another identity", lambda token: resigned(token, identity_sig="0" * 64)),
    ("without the user", lambda token: resigned(token, owner_id=None)),
    ("another user", lambda token: resigned(token, owner_id="x")),
    ("an account of its own", lambda token: resigned(token, account_id="f0" * 16)),
    ("an account above", lambda token: resigned(token, account_id="a0" * 16)),
    ("a list of claims", lambda t: jwt.api_jws.encode(b"[]", KEY, "HS256")),
    ("no JSON inside", lambda t: jwt.api_jws.encode(b"x", KEY, "HS256")),
    ("padding", lambda token: token + "="),
    ("a line end", lambda token: token + "\n"),
    ("a blank", lambda token: token + " "),
    ("one character more", lambda token: token + "A"),
    ("other letters", lambda token: token.swapcase()),
    ("not ASCII", lambda token: "\u00e9" + token[1:]),
    ("not Latin-1", lambda token: token[:-1] + "\u20ac"),
    ("NUL", lambda token: token.replace(".", "\0", 1)),
    ("long", lambda token: token * 50),
    ("four parts", lambda token: f"{token}.x"),
]


@pytest.mark.parametrize("forge", [forge for _, forge in FORGERIES], ids=[name for name, _ in FORGERIES])
async def test_forgeries(shared: Desk, forge: Callable[[str], str]) -> None:
    """Nothing but a token of ours, letter by letter, is a token, also right after the good one was checked."""
    token = await shared.token()
    forged = forge(token)
    assert await refused(shared, forged)
    await shared.tokens.check(token)
    assert await refused(shared, forged)
    assert None is shared.tokens.remembered(forged)


async def test_the_last_letter_of_a_token(shared: Desk) -> None:
    """A token has one spelling: the spare bits of its last letter count as well."""
    token = await shared.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = []
    for letter in alphabet:
        try:
            await shared.tokens.check(token[:-1] + letter)
        except Unauthorized:
            continue
        accepted.append(letter)
    assert [token[-1]] == accepted


async def test_every_letter_of_a_token_counts(shared: Desk) -> None:
    """A token with any one letter changed is refused."""
    token = await shared.token()
    await shared.tokens.check(token)
    for position, letter in enumerate(token):
        changed = token[:position] + ("A" if letter != "A" else "B") + token[position + 1 :]
        with pytest.raises(Unauthorized):
            await shared.tokens.check(changed)


@pytest.mark.parametrize("checked", [True, False], ids=["known before", "new"])
async def test_a_token_ends(desk: Desk, checked: bool) -> None:
    """A token is good until the second in which it ends, whether it was seen before or not."""
    token = await desk.token()
    if checked:
        await desk.tokens.check(token)
    desk.clock.now = NOW + LIFE - 0.5
    assert desk.id == (await desk.tokens.check(token)).account_id
    desk.clock.now = NOW + LIFE
    assert "expired" in await refused(desk, token)
    assert None is desk.tokens.remembered(token)


@pytest.mark.parametrize("checked", [True, False], ids=["known before", "new"])
async def test_a_token_is_revoked(desk: Desk, checked: bool) -> None:
    """A revoked token ends at once, in this process and in another one, and can be revoked again."""
    token = await desk.token()
    elsewhere = Tokens(desk.store, Tenants(desk.store), KEY, SETTINGS, desk.clock)
    principal = await desk.tokens.check(token)
    if checked:
        await elsewhere.check(token)
    await desk.tokens.revoke(principal)
    await desk.tokens.revoke(principal)
    assert "revoked" in await refused(desk, token)
    with pytest.raises(Unauthorized, match="revoked"):
        await elsewhere.check(token)


async def test_there_must_be_a_token_to_revoke(shared: Desk) -> None:
    """Who came without a token has none to revoke."""
    with pytest.raises(Unauthorized):
        await shared.tokens.revoke(Principal(shared.id))


async def off(desk: Desk, document: Document) -> None:
    """Switch an account or user off."""
    await desk.change(document, enabled=False)


async def gone(desk: Desk, document: Document) -> None:
    """Delete an account or user."""
    await desk.store.write([Delete(document.tenant, document.kind, document.id)])


async def renewed(desk: Desk, document: Document) -> None:
    """Give an account or user a new secret, as a new password or API key does."""
    await desk.change_private(document, identity="new")


@pytest.mark.parametrize("checked", [True, False], ids=["known before", "new"])
@pytest.mark.parametrize(
    ("happens", "to", "ends"),
    [
        pytest.param(off, "user", "user", id="the user is switched off"),
        pytest.param(gone, "user", "user", id="the user is deleted"),
        pytest.param(renewed, "user", "user", id="the password changes"),
        pytest.param(off, "account", "user and account", id="the account is switched off"),
        pytest.param(gone, "account", "user and account", id="the account is deleted"),
        pytest.param(renewed, "account", "account", id="the API key changes"),
    ],
)
async def test_what_ends_a_token(desk: Desk, happens: Any, to: str, ends: str, checked: bool) -> None:
    """The next request after a change sees it: a token ends with what it stands for, and no other one does."""
    account, user = await desk.account(), await desk.user()
    tokens = {
        "user": desk.tokens.mint(account, user, "cb_user_auth"),
        "account": desk.tokens.mint(account, None, "cb_api_auth"),
    }
    if checked:
        for token in tokens.values():
            await desk.tokens.check(token)
    await happens(desk, account if to == "account" else user)
    for name, token in tokens.items():
        assert None is desk.tokens.remembered(token)
        if name in ends:
            assert await refused(desk, token)
        else:
            assert desk.id == (await desk.tokens.check(token)).account_id


async def test_a_changed_password_ends_tokens_over_the_wire(desk: Desk) -> None:
    """A new password ends the user's tokens with the next request, and the new one logs in."""
    client = Client(desk.world.app)
    await client.login("customer", "admin", "crossbar")
    master = await desk.world.client()
    path = f"/accounts/{desk.id}/users/{desk.user_id}"
    before = (await client.get(path)).status
    assert 200 == (await master.patch(path, {"password": "Another 1"})).status
    after = (await client.get(path)).status
    await client.login("customer", "admin", "Another 1")
    assert [200, 401, 200] == [before, after, (await client.get(path)).status]


async def test_logging_out_over_the_wire(shared: Desk) -> None:
    """DELETE token_auth ends the token that it came with."""
    client = Client(shared.world.app)
    await client.login("customer", "admin", "crossbar")
    statuses = [(await client.get("/token_auth")).status, (await client.delete("/token_auth")).status]
    assert [200, 200, 401] == [*statuses, (await client.get("/token_auth")).status]


async def test_logging_out_by_another_clock() -> None:
    """A token that was revoked stays so where the application has a clock of its own."""
    world = await small_world(clock=lambda: 1_700_000_000)
    client = await world.client()
    assert [200, 401] == [(await client.delete("/token_auth")).status, (await client.get("/token_auth")).status]


@pytest.mark.parametrize(
    ("place", "status"),
    [
        pytest.param({"headers": {"x-auth-token": "@"}}, 200, id="X-Auth-Token"),
        pytest.param({"headers": {"authorization": "Bearer @"}}, 200, id="Bearer"),
        pytest.param({"headers": {"authorization": "bearer @"}}, 200, id="bearer"),
        pytest.param({"query": {"auth_token": "@"}}, 200, id="the query"),
        pytest.param({"headers": {"authorization": "@"}}, 401, id="no scheme"),
        pytest.param({"headers": {"authorization": "Token @"}}, 401, id="another scheme"),
        pytest.param({"headers": {"cookie": "auth_token=@"}}, 401, id="a cookie"),
        pytest.param({"headers": {"x-auth-token": "x", "authorization": "Bearer @"}}, 401, id="a bad one first"),
        pytest.param({}, 401, id="nowhere"),
    ],
)
async def test_where_a_token_may_be(shared: Desk, place: dict[str, dict[str, str]], status: int) -> None:
    """A token is taken from header or query; a bad one is never passed over for a good one further on."""
    good = (await shared.world.client("customer")).token or ""
    options = {kind: {name: text.replace("@", good) for name, text in words.items()} for kind, words in place.items()}
    response = await Client(shared.world.app).get(f"/accounts/{shared.id}", **options)
    assert status == response.status


# Basic.


def basic(account_id: str, credentials: str = MD5) -> str:
    """Give the field of a Basic credential."""
    return b64encode(f"{account_id}:{credentials}".encode()).decode()


def asking(desk: Desk) -> Context:
    """Give a request that a credential came with."""
    return Context(desk.world.app, scope_of("http", b"/v2/about", ()), desk.clock())


async def test_basic(shared: Desk) -> None:
    """Account id and md5 of user name and password are a credential of their own, the first time and after."""
    principals = [await shared.tokens.basic(basic(shared.id), asking(shared)) for _ in range(2)]
    assert [Principal(shared.id, shared.user_id, "basic_auth")] * 2 == principals


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("", id="nothing"),
        pytest.param("!", id="no base64"),
        pytest.param("YQ", id="no padding"),
        pytest.param(b64encode(b"\xff\xfe").decode(), id="no UTF-8"),
        pytest.param(b64encode(b"nocolon").decode(), id="no colon"),
        pytest.param(basic("c0" * 16, ""), id="no credentials"),
        pytest.param(basic("c0" * 16, "0" * 32), id="another password"),
        pytest.param(basic("c0" * 16, SHA), id="sha1"),
        pytest.param(basic("c0" * 16, "crossbar"), id="the password itself"),
        pytest.param(basic("f0" * 16), id="an unknown account"),
        pytest.param(basic("", MD5), id="no account"),
        pytest.param(basic("e0" * 16 + "\0"), id="NUL"),
        pytest.param(basic("admin", "crossbar"), id="user name and password"),
        pytest.param(basic("c0" * 16) + "\n", id="a line end"),
        pytest.param("\u00e9", id="not ASCII"),
    ],
)
async def test_bad_basic_credentials(shared: Desk, field: str) -> None:
    """Anything else is a 401, never a crash."""
    await shared.tokens.basic(basic(shared.id), asking(shared))
    with pytest.raises(Unauthorized):
        await shared.tokens.basic(field, asking(shared))


@pytest.mark.parametrize("happens", [off, gone])
@pytest.mark.parametrize("to", ["user", "account"])
async def test_what_ends_a_basic_credential(desk: Desk, happens: Any, to: str) -> None:
    """A Basic credential that was good before ends with its user and its account."""
    await desk.tokens.basic(basic(desk.id), asking(desk))
    await happens(desk, await (desk.user() if to == "user" else desk.account()))
    with pytest.raises(Unauthorized):
        await desk.tokens.basic(basic(desk.id), asking(desk))


async def test_a_basic_credential_is_no_token(shared: Desk) -> None:
    """What is remembered of a Basic credential cannot be sent as a token, not even its fingerprint."""
    field = basic(shared.id)
    await shared.tokens.basic(field, asking(shared))
    digest = hashlib.sha256(field.encode()).hexdigest()
    tries = [field, digest, f"Basic {digest}", f"Basic {field}"]
    assert [None] * 4 == [shared.tokens.remembered(text) for text in tries]


@pytest.mark.parametrize(("scheme", "status"), [("Basic", 200), ("basic", 200), ("BASIC ", 200), ("Digest", 401)])
async def test_basic_over_the_wire(shared: Desk, scheme: str, status: int) -> None:
    """The scheme is told in any case."""
    headers = {"authorization": f"{scheme} {basic(shared.id)}"}
    response = await Client(shared.world.app).get(f"/accounts/{shared.id}", headers=headers)
    assert (status, None) == (response.status, response.json().get("auth_token"))


# The tree of accounts.

TREE = ["master", "reseller", "customer", "department", "stranger"]


@pytest.mark.parametrize(
    ("who", "where"),
    [
        ("master", TREE),
        ("reseller", ["reseller", "customer", "department"]),
        ("customer", ["customer", "department"]),
        ("department", ["department"]),
        ("stranger", ["stranger"]),
    ],
)
async def test_who_may_enter(shared: Desk, who: str, where: list[str]) -> None:
    """Everybody may enter their own account and those below it, and no other."""
    principal = Principal(getattr(shared.world, who))
    found = []
    for name in TREE:
        try:
            entered = await shared.tenants.enter(principal, getattr(shared.world, name))
        except BadIdentifier:
            continue
        assert entered.id == getattr(shared.world, name)
        found.append(name)
    assert where == found


async def test_elsewhere_and_nowhere_look_alike(shared: Desk) -> None:
    """An account of somebody else and one that does not exist are refused in the same words."""
    told = []
    for id in (shared.world.stranger, shared.world.reseller, "f0" * 16, "", "users"):
        with pytest.raises(BadIdentifier) as error:
            await shared.tenants.enter(Principal(shared.id), id)
        told.append((error.value.status, error.value.word, error.value.message, error.value.cause == id))
    assert [told[0]] * 5 == told


async def test_nobody_enters_anonymously(shared: Desk) -> None:
    """Who has no account may enter none."""
    for id in (shared.id, "", "f0" * 16):
        with pytest.raises((Unauthorized, BadIdentifier)):
            await shared.tenants.enter(ANONYMOUS, id)


async def test_ancestors(shared: Desk) -> None:
    """The ancestors of an account are told from the root down; the root has none, and nobody neither."""
    world = shared.world
    assert (world.master, world.reseller, world.customer) == await shared.tenants.ancestors(world.department)
    assert [(), ()] == [await shared.tenants.ancestors(world.master), await shared.tenants.ancestors("f0" * 16)]


async def test_a_move_in_the_tree_counts_at_once(desk: Desk) -> None:
    """An account that moved is entered by those above it now, and no longer by those above it before."""
    world = desk.world
    reseller, stranger = Principal(world.reseller), Principal(world.stranger)
    await desk.tenants.enter(reseller, desk.id)
    await desk.change_private(await desk.account(), tree=[world.master, world.stranger], parent=world.stranger)
    assert desk.id == (await desk.tenants.enter(stranger, desk.id)).id
    with pytest.raises(BadIdentifier):
        await desk.tenants.enter(reseller, desk.id)


class SlowStore(MemoryStore):
    """A store whose first answer about one account takes its time on the way back."""

    def __init__(self, slow: str) -> None:
        super().__init__()
        self.slow = slow
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.armed = False

    async def get(self, tenant: str, kind: str, id: str) -> Document | None:
        """The document, late if it is the one."""
        found = await super().get(tenant, kind, id)
        if self.armed and id == self.slow:
            self.armed = False
            self.asked.set()
            await self.go.wait()
        return found


async def test_an_answer_that_comes_late_is_not_remembered() -> None:
    """An account that was read before a change and arrives after it is not taken for the present one."""
    store = SlowStore("c0" * 16)
    desk = Desk(await small_world(store), Clock())
    store.armed = True
    late = asyncio.create_task(desk.tenants.account(desk.id))
    await store.asked.wait()
    await desk.change(await desk.account(), enabled=False)
    await desk.tenants.account(desk.world.master)
    store.go.set()
    await late
    now = await desk.tenants.account(desk.id)
    assert now is not None
    assert False is enabled(now)


async def test_a_store_that_cannot_tell_its_version(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store cannot say whether it changed, nothing is remembered."""
    monkeypatch.setattr(desk.store, "version", lambda *kinds: None)
    token = await desk.token()
    await desk.tokens.check(token)
    assert None is desk.tokens.remembered(token)
    await desk.change(await desk.account(), enabled=False)
    assert await refused(desk, token)


# The life of an application.


async def test_an_application_starts_again() -> None:
    """What was stopped can be started again, and logging in works as before, with the same keys."""
    world = await small_world()
    client = Client(world.app)
    await client.login("demo", "admin", "crossbar")
    await world.app.stop()
    await world.app.start()
    assert 200 == (await client.get("/about")).status
    await client.login("demo", "admin", "crossbar")
    await world.app.stop()


async def test_workers_share_their_keys() -> None:
    """Two applications on one store take each other's tokens."""
    world = await small_world()
    other = Crossbar(world.app.settings, store=world.app.store)
    await other.start()
    client = await world.client()
    client.app = other
    assert 200 == (await client.get("/about")).status


async def test_a_master_is_known(shared: Desk) -> None:
    """The principal of the master account says so, and no other does."""
    found = []
    for name in TREE:
        document = await shared.tenants.account(getattr(shared.world, name))
        assert document is not None
        found.append((await shared.tokens.check(shared.tokens.mint(document, None, "x"))).master)
    assert ([True, False, False, False, False], "kazoo") == (found, ISSUER)
