"""Who may use a route: its providers one after the other, what they answer to who may not, and what its rule sees."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from crossbar import Context, Principal
from crossbar.passwords import wire_credentials
from crossbar.testing import CROSSBAR, REALM, RINGCENTRAL, Client, Response

from .standins import NOUN, Gate, bearer, gate, issuer, key, keys, route

A = "c0" * 16
ADMIN = A[:16] + "0" * 16
STAFF, OWN, APIKEY = 'Bearer realm="staff"', "Bearer", 'ApiKey realm="partners", header="x-api-key"'
WRONG = 'error="invalid_token"'
PARTNERS = keys(acme={"account": A, "claims": {"plan": "gold"}}, rival={"claims": {"plan": "tin"}})


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@asynccontextmanager
async def guarded(*routes: dict[str, Any], **tables: Any) -> AsyncIterator[Gate]:
    """A gateway with an issuer, `staff`, and a provider of keys, `partners`."""
    async with issuer() as staff, gate(*routes, provider=staff | {"partners": PARTNERS}, **tables) as gated:
        yield gated


@pytest.fixture(scope="module")
async def gated() -> AsyncIterator[Gate]:
    """A route for each way of asking who somebody is."""
    several = {
        "all": ["staff", "partners", "crossbar"],
        "staff": "staff",
        "partners": ["partners"],
        "own": "crossbar",
        "open": "none",
        "optional": ["partners", "staff", "none"],
        "anyone": ["crossbar", "none"],
        "keyed": ["partners", "none"],
    }
    async with guarded(*[route(f"/{name}/**", auth=auth) for name, auth in several.items()]) as made:
        yield made


BASIC = {"authorization": "Basic " + b64encode(f"{A}:{wire_credentials('admin', 'crossbar')[0]}".encode()).decode()}
GUESSED = {"authorization": "Basic " + b64encode(f"{A}:{wire_credentials('admin', 'guess')[0]}".encode()).decode()}
KEY, WRONG_KEY = key("acme"), key("nobody")
JUNK = {"authorization": "Bearer junk"}
OTHERS = bearer(iss="https://other.example")
ENDED = bearer(exp=1)


async def asked(gated: Gate, name: str, *fields: dict[str, str]) -> tuple[int, str | None]:
    """The status at one of the routes, and who the upstream heard it was."""
    gated.asked.clear()
    sent = {name: value for each in fields for name, value in each.items()}
    response = await Client(gated.app, headers=sent).get(f"//{name}/x")
    if response.status != 200:
        assert [] == gated.asked
        return response.status, response.headers.get("www-authenticate")
    told = gated.last()[b"x-crossbar-consumer"]
    return 200, told.decode() if told is not None else None


@pytest.mark.parametrize(
    ("name", "fields", "status", "told"),
    [
        ("all", [bearer()], 200, "staff:ada"),
        ("all", [KEY], 200, "partners:acme"),
        ("all", [KEY, bearer()], 200, "staff:ada"),
        ("all", [BASIC], 200, f"{A}:{ADMIN}"),
        ("all", [], 401, f"{STAFF}, {APIKEY}, {OWN}"),
        ("all", [ENDED], 401, f"{STAFF}, {WRONG}, {APIKEY}, {OWN} {WRONG}"),
        ("all", [ENDED, KEY], 200, "partners:acme"),
        ("all", [WRONG_KEY, bearer()], 200, "staff:ada"),
        ("all", [WRONG_KEY, BASIC], 200, f"{A}:{ADMIN}"),
        ("all", [WRONG_KEY], 401, f"{STAFF}, {APIKEY}, {OWN}"),
        ("all", [JUNK], 401, f"{STAFF}, {WRONG}, {APIKEY}, {OWN} {WRONG}"),
        ("all", [OTHERS], 401, f"{STAFF}, {APIKEY}, {OWN} {WRONG}"),
        ("all", [GUESSED], 401, f"{STAFF}, {APIKEY}, {OWN}"),
        ("staff", [bearer()], 200, "staff:ada"),
        ("staff", [KEY], 401, STAFF),
        ("staff", [ENDED], 401, f"{STAFF}, {WRONG}"),
        ("staff", [BASIC], 401, STAFF),
        ("staff", [bearer(aud="others")], 401, f"{STAFF}, {WRONG}"),
        ("partners", [bearer()], 401, APIKEY),
        ("partners", [WRONG_KEY], 401, APIKEY),
        ("partners", [key("rival")], 200, "partners:rival"),
        ("own", [KEY], 401, OWN),
        ("own", [bearer()], 401, f"{OWN} {WRONG}"),
        ("own", [GUESSED], 401, OWN),
        ("open", [], 200, None),
        ("open", [JUNK, WRONG_KEY], 200, None),
        ("optional", [], 200, None),
        ("optional", [BASIC], 200, None),
        ("optional", [KEY], 200, "partners:acme"),
        ("optional", [WRONG_KEY], 401, f"{APIKEY}, {STAFF}"),
        ("optional", [WRONG_KEY, bearer()], 200, "staff:ada"),
        ("optional", [ENDED], 401, f"{APIKEY}, {STAFF}, {WRONG}"),
        ("optional", [OTHERS], 401, f"{APIKEY}, {STAFF}"),
        ("optional", [{"authorization": "bearer"}], 401, f"{APIKEY}, {STAFF}"),
        ("optional", [OTHERS, KEY], 200, "partners:acme"),
        ("keyed", [OTHERS], 200, None),
        ("anyone", [{"authorization": "Bearer "}], 401, OWN),
        ("anyone", [], 200, None),
        ("anyone", [JUNK], 401, f"{OWN} {WRONG}"),
        ("anyone", [GUESSED], 401, OWN),
    ],
)
async def test_the_first_good_credential_counts(
    gated: Gate, name: str, fields: list[dict[str, str]], status: int, told: str | None
) -> None:
    """One that is no good is told of if no other one is good, and makes nobody anonymous (RFC 9110, 11.6.1)."""
    assert (status, told) == await asked(gated, name, *fields)


async def test_tokens_of_this_server(gated: Gate) -> None:
    """In either field, beside what others are known by."""
    token = (await gated.client("customer")).token or ""
    for fields in ({"x-auth-token": token}, {"authorization": f"bearer {token}"}):
        for name in ("all", "own", "anyone"):
            assert (200, f"{A}:{ADMIN}") == await asked(gated, name, fields)
        assert 401 == (await asked(gated, "staff", fields))[0]
        assert 401 == (await asked(gated, "partners", fields))[0]


async def test_two_issuers_with_one_name() -> None:
    """A token that is for the second is not refused by the first."""
    async with issuer("one", audience="a") as one, issuer("two", audience="b") as two:
        routes = [route("/x/**", auth=["one", "two"])]
        async with gate(*routes, provider=one | two) as gated:
            client = Client(gated.app, headers=bearer(aud="b"))
            assert 200 == (await client.get("//x/1")).status
            assert b"two" == gated.last()[b"x-crossbar-provider"]


def is_of(dialect: str, response: Response) -> bool:
    """Whether a refusal has the form of a dialect."""
    member = {"crossbar": "data", "ringcentral": "errorCode", "realm": "status"}[dialect]
    return member in response.json() and "reason" not in response.json()


@pytest.mark.parametrize(
    ("dialect", "speech", "account"),
    [
        ("crossbar", CROSSBAR, "/account"),
        ("ringcentral", RINGCENTRAL, "/account/~"),
        ("realm", REALM, "/client/@me"),
    ],
)
async def test_nobody_learns_what_there_is(dialect: str, speech: Any, account: str) -> None:
    """Who is not known is told so, be there a route, another method, or none; who has a key for one, hears of it."""
    async with guarded(route(NOUN.replace("**", "{id}"), auth="partners", methods=["GET"])) as gated:
        for method, path, known in (("GET", "7", 200), ("PUT", "7", 405), ("GET", "7/8", 404)):
            nobody = Client(gated.app, speech=speech)
            acme = Client(gated.app, speech=speech, headers=KEY)
            refused = await nobody.request(method, f"{account}/invoices/{path}")
            assert (401, True) == (refused.status, is_of(dialect, refused))
            assert known == (await acme.request(method, f"{account}/invoices/{path}")).status
        assert 1 == len(gated.asked)


async def test_nobody_learns_of_methods_of_plain_routes() -> None:
    """A path that two routes have, for different people, tells either of them; of an open one everybody hears."""
    async with guarded(
        route("/r", auth="partners", methods=["GET"]),
        route("/r", auth="crossbar", methods=["PUT"]),
        route("/o", auth="partners", methods=["GET"]),
        route("/o", methods=["PUT"]),
    ) as gated:
        own = await gated.client("customer")
        allow = "GET, HEAD, PUT"
        for client in (Client(gated.app, headers=KEY), own):
            refused = await client.delete("//r")
            assert (405, allow) == (refused.status, refused.headers["allow"])
        nobody = await Client(gated.app).delete("//r")
        assert (401, f"{APIKEY}, {OWN}") == (nobody.status, nobody.headers["www-authenticate"])
        assert (405, allow) == ((found := await Client(gated.app).delete("//o")).status, found.headers["allow"])
        assert [] == gated.asked


async def test_tokens_that_are_good_for_something_else() -> None:
    """A token of ours with restrictions opens no plain route, and restricted ones do not become anonymous either."""
    async with gate(route("/x", auth=["crossbar", "none"])) as gated:
        account = await gated.app.tenants.account(A)
        assert account is not None
        rules = [{"_": [{"rules": {"#": ["GET"]}}]}]
        token = gated.app.tokens.mint(account, None, "cb_user_auth", rules)
        response = await Client(gated.app, token).get("//x")
        assert (403, []) == (response.status, gated.asked)


async def test_who_the_host_knows() -> None:
    """Its authenticators are asked where tokens of this server are taken, and only there."""

    async def known(ctx: Context) -> Principal | None:
        return Principal(A, method="host") if b"x-known" in ctx.headers else None

    routes = [route("/own", auth="crossbar"), route("/keys", auth="partners"), route(NOUN, auth="crossbar")]
    async with guarded(*routes, options={"authenticators": [known]}) as gated:
        client = Client(gated.app, headers={"x-known": "yes"})
        assert [200, 401, 200] == [
            (await client.get(path)).status for path in ("//own", "//keys", "/account/invoices/1")
        ]


async def test_an_authenticator_that_says_yes_lets_nobody_in() -> None:
    """What is no principal is a fault, whatever it looks like."""

    async def wrong(ctx: Context) -> Any:
        return SimpleNamespace(account_id=A, user_id=None, restrictions=None, role="admin", claims=None)

    async with gate(route("/x", auth="crossbar"), options={"authenticators": [wrong]}) as gated:
        assert (500, []) == ((await Client(gated.app).get("//x")).status, gated.asked)
