"""The tenant rule at nouns of the gateway: whoever asks, the upstream never hears of an account that is not theirs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from crossbar import Document, Insert
from crossbar.passwords import wire_credentials
from crossbar.testing import NOW, Client, Clock

from .issuers import NOW as TODAY
from .standins import NOUN, Gate, bearer, gate, issuer, key, keys, route

MASTER, RESELLER, CUSTOMER, DEPARTMENT, STRANGER = (f"{letter}0" * 16 for letter in "abcde")
SIBLING = "ab" * 16
ACCOUNTS = {
    "own": CUSTOMER,
    "below": DEPARTMENT,
    "above": RESELLER,
    "root": MASTER,
    "sibling": SIBLING,
    "stranger": STRANGER,
    "nonexistent": "f" * 32,
    "own in capitals": CUSTOMER.upper(),
    "several": f"{CUSTOMER},{STRANGER}",
    "empty": "%20",
}
USER = "12" * 16
BADGES = "/v2/accounts/{account}/users/{user}/badges/**"


@dataclass(frozen=True)
class Who:
    """Somebody who asks: the fields that say so, and what they may enter."""

    fields: dict[str, str]
    enters: tuple[str, ...] = ()
    user: str = ""


@dataclass
class Scene:
    """A gateway whose nouns take every sort of credential, and somebody of each sort."""

    gated: Gate
    people: dict[str, Who]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="module")
async def scene() -> AsyncIterator[Scene]:
    """All of them, at one gateway."""
    owners: dict[str, dict[str, Any]] = {
        "account": {"account": CUSTOMER},
        "person": {"account": CUSTOMER, "user": USER},
        "nobody": {},
        "ghost": {"account": "f" * 32},
    }
    auth = ["staff", "partners", "crossbar"]
    async with (
        issuer(admins="'admin' in claims.roles") as staff,
        gate(route(NOUN, auth=auth), route(BADGES, auth=auth), provider=staff | {"partners": keys(**owners)}) as gated,
    ):
        await planted(gated)
        yield Scene(gated, await people_of(gated))


async def planted(gated: Gate) -> None:
    """Store a sibling of the customer, and a user without rights."""
    private = {"tree": [MASTER, RESELLER], "parent": RESELLER, "identity": "x", "login_name": "sibling"}
    sibling = Document.of("", "accounts", SIBLING, {"name": "sibling", "realm": "s.example"}, NOW, private)
    body = {"username": "eve", "first_name": "Eve", "last_name": "X", "priv_level": "user"}
    user = Document.of(CUSTOMER, "users", USER, body, NOW, {"identity": "y"})
    await gated.app.store.write([Insert(sibling), Insert(user)])


async def minted(gated: Gate, user: str | None, rules: list[Any] | None = None) -> dict[str, str]:
    """The fields with a token of ours, of a user of the customer or of the account itself."""
    store = gated.app.store
    account = await store.get("", "accounts", CUSTOMER)
    person = await store.get(CUSTOMER, "users", user) if user else None
    assert account is not None
    return {"x-auth-token": gated.app.tokens.mint(account, person, "cb_user_auth", rules or [])}


async def people_of(gated: Gate) -> dict[str, Who]:
    """Everybody, with the accounts that they may enter."""
    family, alone = ("own", "below"), ("own",)
    admin = CUSTOMER[:16] + "0" * 16
    basic = b64encode(f"{CUSTOMER}:{wire_credentials('admin', 'crossbar')[0]}".encode()).decode()
    reads = [{"invoices": [{"allowed_accounts": ["{AUTH_ACCOUNT_ID}"], "rules": {"#": ["GET"]}}]}]
    devices = [{"devices": [{"rules": {"#": ["GET"]}}]}]
    return {
        "administrator": Who(await minted(gated, admin), family, admin),
        "account": Who(await minted(gated, None), family),
        "user": Who(await minted(gated, USER), alone, USER),
        "restricted to the own account": Who(await minted(gated, admin, reads), alone, admin),
        "restricted to something else": Who(await minted(gated, admin, devices)),
        "basic": Who({"authorization": f"Basic {basic}"}, family, admin),
        "key of the account": Who(key("account"), family),
        "key of a user": Who(key("person"), alone, USER),
        "key of no account": Who(key("nobody")),
        "key of an account that is not here": Who(key("ghost")),
        "issuer: user": Who(bearer(account_id=CUSTOMER, sub=USER), alone, USER),
        "issuer: administrator": Who(bearer(account_id=CUSTOMER, roles=["admin"]), family, "ada"),
        "issuer: roles in a text": Who(bearer(account_id=CUSTOMER, roles="admin"), family, "ada"),
        "issuer: other roles": Who(bearer(account_id=CUSTOMER, roles=["administrator"]), alone, "ada"),
        "issuer: no account": Who(bearer(account_id=None, roles=["admin"])),
        "issuer: account is no text": Who(bearer(account_id=[CUSTOMER], roles=["admin"])),
        "anonymous": Who({}),
        "wrong key": Who(key("anybody")),
        "wrong token": Who({"x-auth-token": "a.b.c"}),
        "token of somebody else": Who(bearer(iss="https://evil.example", account_id=CUSTOMER, roles=["admin"])),
        "expired": Who(bearer(account_id=CUSTOMER, roles=["admin"], exp=TODAY - 60)),
    }


PEOPLE = (
    *("administrator", "account", "user", "restricted to the own account", "restricted to something else", "basic"),
    *("key of the account", "key of a user", "key of no account", "key of an account that is not here"),
    *("issuer: user", "issuer: administrator", "issuer: roles in a text", "issuer: other roles", "issuer: no account"),
    *("issuer: account is no text", "anonymous", "wrong key", "wrong token", "token of somebody else", "expired"),
)
PREFIXES = {
    "crossbar": "/v2/accounts/{}",
    "ringcentral": "/restapi/v1.0/account/{}",
    "realm": "/api/ver1.0/client/{}",
}


@pytest.mark.parametrize("dialect", PREFIXES)
@pytest.mark.parametrize("where", ACCOUNTS)
@pytest.mark.parametrize("who", PEOPLE)
async def test_who_enters_which_account(scene: Scene, who: str, where: str, dialect: str) -> None:
    """What the upstream hears names an account that is theirs, and who it is; of all else it hears nothing."""
    gated, asker = scene.gated, scene.people[who]
    gated.asked.clear()
    fields = dict(asker.fields)
    if dialect != "crossbar" and "x-auth-token" in fields:
        fields = {"authorization": f"Bearer {fields['x-auth-token']}"}
    path = f"/{PREFIXES[dialect]}/invoices/7".format(ACCOUNTS[where])
    response = await Client(gated.app, headers=fields).get(path)
    if where in asker.enters:
        asked = gated.last()
        assert 200 == response.status
        assert ("GET", f"/v2/accounts/{ACCOUNTS[where]}/invoices/7".encode()) == asked.line
        assert (CUSTOMER.encode(), asker.user.encode() or None) == (
            asked[b"x-crossbar-account"],
            asked[b"x-crossbar-user"],
        )
    else:
        assert [] == gated.asked
        assert response.status in (401, 403, 404)


def test_everybody_is_asked(scene: Scene) -> None:
    """The table of the tests names all of them."""
    assert set(PEOPLE) == set(scene.people)


@pytest.mark.parametrize("who", ["administrator", "user", "key of the account", "issuer: user"])
async def test_an_account_of_others_is_as_one_that_is_not_there(scene: Scene, who: str) -> None:
    """Nobody learns from an answer which accounts there are."""
    client = Client(scene.gated.app, headers=scene.people[who].fields | {"x-request-id": "the-same-one"})
    answers = []
    for where in ("stranger", "nonexistent"):
        response = await client.get(f"//v2/accounts/{ACCOUNTS[where]}/invoices")
        answers.append((response.status, response.text.replace(ACCOUNTS[where], "ID")))
    assert answers[0] == answers[1]
    assert 404 == answers[0][0]


@pytest.mark.parametrize(
    ("who", "own", "other"),
    [
        ("administrator", 200, 200),
        ("key of the account", 200, 200),
        ("issuer: administrator", 200, 200),
        ("user", 200, 404),
        ("key of a user", 200, 404),
        ("issuer: user", 200, 404),
        ("issuer: other roles", 404, 404),
        ("anonymous", 401, 401),
    ],
)
async def test_below_users_people_see_their_own(scene: Scene, who: str, own: int, other: int) -> None:
    """A user's are those of the user alone; administrators see everybody's in the account, and nobody's beside it."""
    gated = scene.gated
    client = Client(gated.app, headers=scene.people[who].fields)
    admin, stranger = CUSTOMER[:16] + "0" * 16, STRANGER[:16] + "0" * 16
    for user, status in ((USER, own), (admin, other), (stranger, 401 if own == 401 else 404)):
        gated.asked.clear()
        response = await client.get(f"//v2/accounts/{CUSTOMER}/users/{user}/badges/1")
        assert (status, status == 200) == (response.status, len(gated.asked) == 1)


AUTH = ["staff", "partners", "crossbar"]


@pytest.mark.parametrize("who", ["administrator", "user", "account", "basic", "key of the account", "issuer: user"])
async def test_an_account_that_is_switched_off(who: str) -> None:
    """Whatever showed that one belongs to it shows nothing any more, and does again when it is switched on."""
    owners = {
        "account": {"account": CUSTOMER},
        "person": {"account": CUSTOMER, "user": USER},
        "nobody": {},
        "ghost": {},
    }
    async with (
        issuer(admins="'admin' in claims.roles") as staff,
        gate(
            route(NOUN, auth=AUTH),
            route("/plain/**", auth=AUTH),
            provider=staff | {"partners": keys(**owners)},
        ) as gated,
    ):
        await planted(gated)
        master = await gated.client("master")
        client = Client(gated.app, headers=(await people_of(gated))[who].fields)
        statuses = []
        for enabled in (True, False, True):
            assert 200 == (await master.patch(f"/accounts/{CUSTOMER}", {"enabled": enabled})).status
            statuses.append((await client.get("/account/invoices")).status)
            if who != "basic":
                statuses.append((await client.get("//plain/x")).status)
        expected = [200, 401, 200] if who == "basic" else [200, 200, 401, 401, 200, 200]
        assert (expected, expected.count(200)) == (statuses, len(gated.asked))


async def test_a_user_who_is_switched_off() -> None:
    """Their token is no good; that of their account is."""
    async with gate(route(NOUN)) as gated:
        await planted(gated)
        admin = await gated.client("customer")
        user = Client(gated.app, headers=await minted(gated, USER))
        assert 200 == (await user.get("/account/invoices")).status
        assert 200 == (await admin.patch(f"/account/users/{USER}", {"enabled": False})).status
        assert 401 == (await user.get("/account/invoices")).status
        assert (200, 2) == ((await admin.get("/account/invoices")).status, len(gated.asked))


async def test_a_token_that_was_revoked_or_has_ended() -> None:
    """Though it was good a moment ago, and is remembered."""
    clock = Clock(TODAY)
    async with gate(route(NOUN), options={"clock": clock}) as gated:
        one, other = await gated.client("customer"), await gated.client("customer")
        assert [200, 200] == [(await each.get("/account/invoices")).status for each in (one, other)]
        await gated.app.tokens.revoke(await gated.app.tokens.check(one.token or ""))
        assert [401, 200] == [(await each.get("/account/invoices")).status for each in (one, other)]
        clock.now += 3600
        assert 401 == (await other.get("/account/invoices")).status
        assert 3 == len(gated.asked)
