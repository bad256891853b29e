"""Nouns of the gateway: in every dialect, under every method, below other nouns and outside of accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar.errors import SettingsError
from crossbar.testing import CROSSBAR, REALM, RINGCENTRAL, Client, Speech, make_app

from .standins import NOUN, Gate, gate, route, settings_of

A = "c0" * 16
BELOW = "d0" * 16
ABOVE = "b0" * 16
ADMIN = "c0" * 8 + "0" * 16
INVOICES = f"/v2/accounts/{A}/invoices".encode()
METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE")
# The speech of each dialect, how it writes the caller's own account, and where it puts another one.
DIALECTS: dict[str, tuple[Speech, str, str]] = {
    "crossbar": (CROSSBAR, "/account", "/accounts/{}"),
    "ringcentral": (RINGCENTRAL, "/account/~", "/account/{}"),
    "realm": (REALM, "/client/@me", "/client/{}"),
}
EACH = pytest.mark.parametrize("dialect", DIALECTS)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="module")
async def gated() -> AsyncIterator[Gate]:
    """A gateway with nouns of all sorts."""
    async with gate(
        route(NOUN),
        route("/v2/accounts/{account}/users/{user}/badges/**", "up:/b/{account}/{user}/**"),
        route("/v2/rates/**", "up:/rates/**"),
        route("/v2/open/**", "up:/open/**", auth="none"),
        route("/v2/accounts/{account}/papers", "up:/all/{account}", methods=["GET"]),
        route("/v2/accounts/{account}/papers/{paper}", "up:/one/{paper}", methods=["GET", "DELETE"]),
        route("/v2/accounts/{account}/papers/{paper}/pages/**", "up:/pages/{paper}/**"),
        route("/v2/accounts/{account}/papers/new", "up:/new", methods=["PUT"], name="new"),
        route("/v2/accounts/{account}/papers", "up:/beta", methods=["GET"], headers={"x-beta": "1"}, name="beta"),
        route("/v2/accounts/{account}/slashes/**", "up:/s/**", encoded_slashes=True),
    ) as made:
        yield made


async def speaking(gated: Gate, dialect: str, account: str = "customer") -> Client:
    """A client that speaks a dialect; nothing has been asked yet."""
    gated.asked.clear()
    return await gated.client(account, speech=DIALECTS[dialect][0])


@EACH
@pytest.mark.parametrize("method", METHODS)
async def test_every_method_goes_on(gated: Gate, dialect: str, method: str) -> None:
    """With the path that the settings have for it, the same from each dialect, and the bytes of the body."""
    client = await speaking(gated, dialect)
    body = b"" if method in ("GET", "HEAD") else b'{"data": [1'
    response = await client.request(method, f"{DIALECTS[dialect][1]}/invoices/7?a=1&a=2&page_size=x", body=body)
    assert (200, b"" if method == "HEAD" else b'{"from":"upstream"}') == (response.status, response.body)
    asked = gated.last()
    assert ((method, INVOICES + b"/7?a=1&a=2&page_size=x"), body) == (asked.line, asked.body)


@EACH
@pytest.mark.parametrize(
    "tail",
    ["", "/", "/7", "/7/", "/a%20b", "/1,2,3", "/*", "/%C3%BC", "/~", "/@me", "/accounts/x/invoices", "/x:y/pdf"],
)
async def test_what_is_behind_a_noun_goes_on_byte_for_byte(gated: Gate, dialect: str, tail: str) -> None:
    """Whatever it would mean elsewhere: slashes at the end, lists of ids, aliases and names of nouns.

    In the realm dialect it is the dialect that puts a slash behind words, so there it does not go on.
    """
    client = await speaking(gated, dialect)
    assert 200 == (await client.get(f"{DIALECTS[dialect][1]}/invoices{tail}")).status
    goes = tail.rstrip("/") if dialect == "realm" else tail
    assert ("GET", INVOICES + goes.encode()) == gated.last().line


@EACH
@pytest.mark.parametrize("tail", ["a%2Fb", "%2e%2e/x", "../x", "a//b", "a%5Cb", "a;b", "%00", "%252e", "a%zz"])
async def test_what_two_servers_could_read_differently_is_refused(gated: Gate, dialect: str, tail: str) -> None:
    """In the form of the dialect, and nothing is asked."""
    client = await speaking(gated, dialect)
    response = await client.get(f"{DIALECTS[dialect][1]}/invoices/{tail}")
    assert (400, []) == (response.status, gated.asked)


async def test_encoded_slashes_go_on_where_a_route_takes_them(gated: Gate) -> None:
    """Other segments of dots do not."""
    client = await speaking(gated, "crossbar")
    assert 200 == (await client.get("/account/slashes/a%2Fb;c")).status
    assert ("GET", b"/s/a%2Fb;c") == gated.last().line
    assert (400, []) == ((await client.get("/account/slashes/..%2Fb")).status, gated.asked)


@EACH
async def test_an_account_in_the_path(gated: Gate, dialect: str) -> None:
    """One below the caller's own is entered; one above is as if it were not there."""
    client, elsewhere = await speaking(gated, dialect), DIALECTS[dialect][2]
    assert 200 == (await client.get(f"{elsewhere.format(BELOW)}/invoices/7")).status
    assert ("GET", f"/v2/accounts/{BELOW}/invoices/7".encode()) == gated.last().line
    above = await client.get(f"{elsewhere.format(ABOVE)}/invoices/7")
    nobody = await client.get(f"{elsewhere.format('f' * 32)}/invoices/7")
    assert (404, 404, []) == (above.status, nobody.status, gated.asked)


async def test_of_several_accounts_the_last_one_counts(gated: Gate) -> None:
    """Each of them has to be the caller's own or below it."""
    client = await speaking(gated, "crossbar")
    assert 200 == (await client.get(f"/accounts/{A}/accounts/{BELOW}/invoices/7")).status
    assert ("GET", f"/v2/accounts/{BELOW}/invoices/7".encode()) == gated.last().line
    assert 404 == (await client.get(f"/accounts/{A}/accounts/{ABOVE}/invoices/7")).status
    assert [] == gated.asked


@EACH
async def test_options_says_what_there_is(gated: Gate, dialect: str) -> None:
    """Without asking who it is, and without asking the upstream: the methods of the noun's routes and no others."""
    client = await speaking(gated, dialect)
    client.token = None
    account = DIALECTS[dialect][1]
    every = await client.request("OPTIONS", f"{account}/invoices/7")
    some = await client.request("OPTIONS", f"{account}/papers/7")
    assert (204, "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS") == (every.status, every.headers["allow"])
    assert (204, "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS") == (some.status, some.headers["allow"])
    assert [] == gated.asked


async def test_options_of_a_noun_with_few_methods() -> None:
    """Only these are named, there and in a refusal."""
    async with gate(route(NOUN, methods=["GET", "PUT"])) as gated:
        client = await gated.client("customer")
        for method, status in (("OPTIONS", 204), ("DELETE", 405), ("PURGE", 405)):
            response = await client.request(method, "/account/invoices/7")
            assert (status, "GET, HEAD, PUT, OPTIONS") == (response.status, response.headers["allow"])
        assert [] == gated.asked


@EACH
@pytest.mark.parametrize("tail", ["/7/8", "/7/"], ids=["too deep", "slash"])
async def test_where_no_route_of_the_noun_leads(gated: Gate, dialect: str, tail: str) -> None:
    """That is a 404 in the form of the dialect; a slash at the end says nothing in the realm dialect."""
    client = await speaking(gated, dialect)
    response = await client.get(f"{DIALECTS[dialect][1]}/papers{tail}")
    if dialect == "realm" and tail.endswith("/"):
        assert 200 == response.status
        return
    assert (404, []) == (response.status, gated.asked)
    form = {"crossbar": "data", "ringcentral": "errorCode", "realm": "status"}[dialect]
    assert form in response.json()


@EACH
async def test_a_method_that_no_route_has_there(gated: Gate, dialect: str) -> None:
    """That is a 405 with those that there are at this very path, and 401 for who is not known."""
    client = await speaking(gated, dialect)
    path = f"{DIALECTS[dialect][1]}/papers/7"
    response = await client.post(path, {"a": 1})
    assert (405, "DELETE, GET, HEAD, OPTIONS") == (response.status, response.headers["allow"])
    client.token = None
    assert (401, 401) == ((await client.post(path)).status, (await client.get(f"{path}/8")).status)
    assert [] == gated.asked


@pytest.mark.parametrize(
    ("method", "tail", "fields", "goes"),
    [
        ("GET", "", {}, b"/all/" + A.encode()),
        ("GET", "/", {}, b"/all/" + A.encode()),
        ("GET", "", {"x-beta": "1"}, b"/beta"),
        ("GET", "/7", {}, b"/one/7"),
        ("DELETE", "/7", {}, b"/one/7"),
        ("GET", "/new", {}, b"/one/new"),
        ("PUT", "/new", {}, b"/new"),
        ("POST", "/7/pages", {}, b"/pages/7"),
        ("POST", "/7/pages/1/x", {}, b"/pages/7/1/x"),
        ("GET", "/a%20b/pages/%41", {}, b"/pages/a%20b/%41"),
    ],
    ids=["list", "slash", "header", "one", "delete", "other", "literal", "deeper", "deepest", "raw"],
)
async def test_of_several_routes_the_most_specific_one_counts(
    gated: Gate, method: str, tail: str, fields: dict[str, str], goes: bytes
) -> None:
    """By path, method and header fields."""
    client = await speaking(gated, "crossbar")
    response = await client.request(method, f"/account/papers{tail}", headers=fields)
    assert (200, (method, goes)) == (response.status, gated.last().line)


BADGES: dict[str, str] = {
    "crossbar": "/account/users/{}/badges/3",
    "ringcentral": "/account/~/extension/{}/badges/3",
    "realm": "/client/@me/extension/{}/badges/3",
}


@EACH
async def test_below_a_user(gated: Gate, dialect: str) -> None:
    """The user is one of that account, by whichever name, or there is nothing."""
    client = await speaking(gated, dialect)
    assert 200 == (await client.get(BADGES[dialect].format(ADMIN))).status
    assert ("GET", f"/b/{A}/{ADMIN}/3".encode()) == gated.last().line
    strangers = await client.get(BADGES[dialect].format("b0" * 8 + "0" * 16))
    nobodys = await client.get(BADGES[dialect].format("9" * 32))
    assert (404, 404, []) == (strangers.status, nobodys.status, gated.asked)


async def test_the_alias_of_a_user(gated: Gate) -> None:
    """It is the caller, by an id that the upstream knows."""
    client = await speaking(gated, "ringcentral")
    assert 200 == (await client.get(BADGES["ringcentral"].format("~"))).status
    assert ("GET", f"/b/{A}/{ADMIN}/3".encode()) == gated.last().line


@pytest.mark.parametrize(
    "path",
    [
        f"/users/{ADMIN}/badges/3",
        f"/account/users/{ADMIN}/invoices/3",
        f"/account/users/{ADMIN}/users/{ADMIN}/badges/3",
        f"/account/users/{ADMIN}/accounts/{A}/badges/3",
        "/account/badges/3",
        "/account/users/badges/3",
        f"/account/devices/{ADMIN}/badges/3",
    ],
    ids=["no account", "not below", "twice", "turned round", "no user", "no id", "other parent"],
)
async def test_where_a_noun_below_a_user_is_not(gated: Gate, path: str) -> None:
    """Neither without its user nor below another noun."""
    client = await speaking(gated, "crossbar")
    assert (404, []) == ((await client.get(path)).status, gated.asked)


@EACH
async def test_outside_of_accounts(gated: Gate, dialect: str) -> None:
    """Whoever is known may; nobody in particular only where the route says so."""
    client = await speaking(gated, dialect)
    assert 200 == (await client.get("/rates/eur")).status
    assert ("GET", b"/rates/eur") == gated.last().line
    client.token = None
    assert (401, []) == ((await client.get("/rates/eur")).status, gated.asked)
    assert (200, ("GET", b"/open/x")) == ((await client.get("/open/x")).status, gated.last().line)
    assert [] == gated.asked


async def test_a_noun_of_an_account_needs_one(gated: Gate) -> None:
    """As the nouns of modules do."""
    client = await speaking(gated, "crossbar")
    assert (403, []) == ((await client.get("/invoices/7")).status, gated.asked)


async def test_a_noun_outside_of_accounts_below_one(gated: Gate) -> None:
    """It answers there too, to whoever may enter the account."""
    client = await speaking(gated, "crossbar")
    assert (200, ("GET", b"/rates/x")) == ((await client.get("/account/rates/x")).status, gated.last().line)
    assert (404, []) == ((await client.get(f"/accounts/{ABOVE}/rates/x")).status, gated.asked)
    client.token = None
    assert (401, []) == ((await client.get(f"/accounts/{A}/open/x")).status, gated.asked)


def test_the_noun_of_a_module_is_refused_until_that_is_switched_off() -> None:
    """Nobody can say which of them answers."""
    mine = route("/v2/accounts/{account}/devices/**")
    with pytest.raises(SettingsError, match=r"path: the noun 'devices' is that of a module"):
        make_app(settings_of(mine))
    free: dict[str, Any] = {"modules": {"disabled": ["devices"]}}
    assert "devices" in make_app(settings_of(mine, **free)).registry.names


async def test_several_hosts_are_one_too_many(gated: Gate) -> None:
    """The upstream might believe another one (RFC 9112, 3.2)."""
    token = (await speaking(gated, "crossbar")).token or ""
    twice = [(b"host", b"a.example"), (b"host", b"b.example"), (b"x-auth-token", token.encode())]
    assert (400, []) == ((await gated.wire("GET", INVOICES, *twice)).status, gated.asked)
