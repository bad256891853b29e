"""Grants: who gets tokens by a password, by a JWT credential or by being an application, and who gets none."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from crossbar import Principal
from crossbar.testing import Client, Response

from .oauth_desk import BACK, JWT, LOGIN, App, Desk, at_desk, basic, got, refused


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk of the test's own."""
    async with at_desk() as made:
        yield made


def claims(token: str) -> dict[str, Any]:
    """What a token says."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


# Answers.


async def test_the_answer(desk: Desk) -> None:
    """All that the clients of others read is there, and no cache keeps it."""
    app = await desk.app(scopes=["Calls", "Faxes"])
    response = await desk.ask(app, "password", **LOGIN, endpoint_id="desk-phone")
    tokens = got(response)
    assert ("no-store", "no-cache") == (response.headers["cache-control"], response.headers["pragma"])
    assert ("bearer", 3600, 604_800) == (tokens["token_type"], tokens["expires_in"], tokens["refresh_token_expires_in"])
    user = desk.world.customer[:16] + "0" * 16
    assert ("Calls Faxes", user, "desk-phone") == (tokens["scope"], tokens["owner_id"], tokens["endpoint_id"])
    said = claims(tokens["access_token"])
    assert (app.id, tokens["session_id"], "oauth_password") == (said["client_id"], said["session_id"], said["method"])
    assert ("Calls Faxes", user, desk.world.customer) == (said["scope"], said["owner_id"], said["account_id"])
    assert (int(desk.clock.now), 3600) == (said["iat"], said["exp"] - said["iat"])
    assert await desk.works(tokens)


async def test_without_the_grant_there_is_no_refresh_token(desk: Desk) -> None:
    """An application that may not refresh gets an access token alone."""
    tokens = await desk.login(await desk.app(grants=["password"]))
    assert not {"refresh_token", "refresh_token_expires_in"} & set(tokens)
    assert await desk.works(tokens)


@pytest.mark.parametrize(
    ("scopes", "asked", "granted"),
    [
        (["A", "B"], None, "A B"),
        (["A", "B"], "B", "B"),
        (["A", "B"], " B  A B ", "B A"),
        ([], "all", ""),
        (["A"], "A C", None),
        (["A"], "a", None),
    ],
)
async def test_scopes(desk: Desk, scopes: list[str], asked: str | None, granted: str | None) -> None:
    """What is asked for is granted if the application has it; without any, the word has no meaning."""
    response = await desk.ask(await desk.app(scopes=scopes), "password", **LOGIN, scope=asked)
    if granted is None:
        refused(response, "invalid_scope")
    else:
        assert granted == got(response)["scope"]


# Clients.


async def by_header(desk: Desk, header: dict[str, str], **body: Any) -> Response:
    """The response to a login whose client is in the header."""
    asked = {"grant_type": "password", **LOGIN, **body}
    return await Client(desk.world.app).post("/oauth/token", asked, headers=header)


async def test_a_client_by_its_header(desk: Desk) -> None:
    """With or without its id in the body as well; the scheme in any letter case."""
    app = await desk.app()
    got(await by_header(desk, app.basic))
    got(await by_header(desk, app.basic, client_id=app.id))
    got(await by_header(desk, {"authorization": app.basic["authorization"].replace("Basic", "BASIC")}))


async def test_a_header_is_read_as_a_form(desk: Desk) -> None:
    """RFC 6749, 2.3.1: id and secret are form-encoded in it."""
    app = await desk.app()
    got(await by_header(desk, basic("".join(f"%{ord(letter):02x}" for letter in app.id), app.secret)))


async def test_a_client_that_says_two_things(desk: Desk) -> None:
    """Secrets in two places, or two ids, are refused as malformed."""
    app, other = await desk.app(), await desk.app()
    refused(await by_header(desk, app.basic, client_secret=app.secret), "invalid_request")
    refused(await by_header(desk, app.basic, client_id=other.id), "invalid_request")


async def test_wrong_and_unknown_clients_look_alike(desk: Desk) -> None:
    """The same words for a wrong secret, another's, none, an unknown id and none; 401, and Basic is told of Basic."""
    app, other, public = await desk.app(), await desk.app(), await desk.app(public=True)
    pairs = [(app.id, "x"), (app.id, other.secret), (app.id, ""), ("f" * 32, app.secret), ("", ""), (public.id, "x")]
    pairs += [(app.id, app.secret.upper()), (f" {app.id}", app.secret), ("\0", "\0")]
    answers = [await by_header(desk, basic(*pair)) for pair in pairs]
    bad = [b64encode(b"\xff:\xff").decode(), "%%%", "", b64encode(b"no-colon").decode()]
    answers += [await by_header(desk, {"authorization": f"Basic {field}"}) for field in bad]
    for answer in answers:
        refused(answer, "invalid_client", 401)
        assert 'Basic realm="oauth"' == answer.headers["www-authenticate"]
    plain = [await desk.ask(App(*pair), "password", **LOGIN) for pair in pairs]
    for answer in plain:
        refused(answer, "invalid_client", 401)
        assert "www-authenticate" not in answer.headers
    assert 1 == len({str(answer.json()["data"]) for answer in [*answers, *plain]})


async def test_basic_of_a_client_is_no_login(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reaches no hasher; and Basic of a user, which is good elsewhere, is no client here."""
    app = await desk.app()
    hashed: list[str] = []

    def noted(credentials: str, account_id: str) -> str:
        hashed.append(credentials)
        return ""

    monkeypatch.setattr(desk.world.app.hasher, "digest_now", noted)
    got(await by_header(desk, app.basic, grant_type="client_credentials"))
    refused(await by_header(desk, basic(app.id, "x")), "invalid_client", 401)
    refused(await by_header(desk, basic(desk.world.customer, "0" * 32)), "invalid_client", 401)
    assert [] == hashed
    answer = await Client(desk.world.app).post("/oauth/assertion", {"client_id": app.id}, headers=app.basic)
    assert 401 == answer.status


@pytest.mark.parametrize("kind", ["garbage", "expired"])
async def test_a_stale_token_does_not_hinder(desk: Desk, kind: str) -> None:
    """Clients send their old token along when they want another."""
    app = await desk.app()
    tokens = await desk.login(app)
    if kind == "expired":
        desk.clock.now += 4000
    token = tokens["access_token"] if kind == "expired" else "x.y.z"
    response = await Client(desk.world.app, token).post(
        "/oauth/token", {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **app.fields}
    )
    assert await desk.works(got(response))


# Refusals of requests.


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": ["password"]}, "invalid_request"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
        ({"grant_type": "password", "password": "x"}, "invalid_request"),
        ({"grant_type": "password", "username": "x"}, "invalid_request"),
        ({"grant_type": "password", "username": {}, "password": "x"}, "invalid_request"),
        ({"grant_type": "password", "username": "x" * 5000, "password": "x"}, "invalid_request"),
        ({"grant_type": "password", "username": "x", "password": "p" * 2000}, "invalid_grant"),
        ({"grant_type": "password", **LOGIN, "access_token_ttl": "soon"}, "invalid_request"),
        ({"grant_type": "password", **LOGIN, "refresh_token_ttl": 1.5}, "invalid_request"),
        ({"grant_type": "password", **LOGIN, "access_token_ttl": True}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x", "redirect_uri": BACK}, "invalid_grant"),
        ({"grant_type": JWT}, "invalid_request"),
        ({"grant_type": JWT, "assertion": "x.y.z"}, "invalid_grant"),
    ],
)
async def test_malformed_requests(desk: Desk, body: dict[str, Any], word: str) -> None:
    """Each is refused with the word of the standard."""
    app = await desk.app()
    refused(await Client(desk.world.app).post("/oauth/token", {**app.fields, **body}), word)


@pytest.mark.parametrize("grant", ["authorization_code", "client_credentials", "password", "refresh_token", JWT])
async def test_a_grant_that_the_application_has_not(desk: Desk, grant: str) -> None:
    """It is known, and not for this application."""
    only = "password" if grant != "password" else "client_credentials"
    refused(await desk.ask(await desk.app(grants=[only]), grant, **LOGIN), "unauthorized_client")


async def test_below_an_account_there_are_no_tokens(desk: Desk) -> None:
    """The noun stands alone."""
    client = await desk.world.client("customer")
    app = await desk.app()
    response = await client.post(
        f"/accounts/{desk.world.customer}/oauth/token", {"grant_type": "password", **app.fields}
    )
    assert (403, b"access_token" in response.body) == (response.status, False)
    assert 405 == (await client.get("/oauth/token")).status


# Applications by themselves.


async def test_client_credentials(desk: Desk) -> None:
    """The token is the account's, in it and below it; there is no refresh token."""
    app = await desk.app("reseller")
    tokens = got(await desk.ask(app, "client_credentials", access_token_ttl=900))
    assert (desk.world.reseller, 900) == (tokens["owner_id"], tokens["expires_in"])
    assert "refresh_token" not in tokens
    client = Client(desk.world.app, tokens["access_token"])
    ids = (desk.world.reseller, desk.world.customer, desk.world.master)
    assert [200, 200, 404] == [(await client.get(f"/accounts/{id}")).status for id in ids]
    assert "owner_id" not in claims(tokens["access_token"])
    desk.clock.now += 900
    assert not await desk.works(tokens)


# What the core promises.


async def test_a_principal_by_an_application(desk: Desk) -> None:
    """Modules see the user, the way of logging in, and the application in the claims."""
    app = await desk.app()
    tokens = await desk.login(app)
    principal: Principal = await desk.world.app.tokens.check(tokens["access_token"])
    assert (desk.world.customer, "oauth_password") == (principal.account_id, principal.method)
    assert principal.claims is not None
    assert app.id == principal.claims["client_id"]
