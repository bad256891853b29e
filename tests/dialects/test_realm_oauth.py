"""Token end points of the realm style: parameters however they come, answers and errors as clients look for them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from crossbar.testing import Client, Response, World

from .realm_desk import ADMIN, PASSWORD, Desk, desk_in

BACK = "https://app.example.com/back"
GRANTS = ["password", "refresh_token", "authorization_code", "client_credentials"]
FORM = "application/x-www-form-urlencoded"
LOGIN = {"grant_type": "password", "username": ADMIN, "password": PASSWORD}
Parameters = dict[str, str]


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of the test's own."""
    return await desk_in(world)


async def application(desk: Desk, **fields: Any) -> Parameters:
    """What a new application says of itself."""
    body = {"name": "Desk", "grants": GRANTS, "redirect_uris": [BACK], **fields}
    made = await desk.made("/client/@me/application/", body)
    return {"client_id": made["client_id"], "client_secret": made["client_secret"]}


def multipart(fields: Parameters, name: str = 'name="{}"') -> bytes:
    """The fields as a form with files would have them, as an HTTP library writes an array of parameters."""
    parts = [
        f"--line\r\nContent-Disposition: form-data; {name.format(key)}\r\n\r\n{value}\r\n"
        for key, value in fields.items()
    ]
    return "".join([*parts, "--line--\r\n"]).encode()


async def by_form(desk: Desk, fields: Parameters) -> Response:
    """The answer to parameters in a form, as the standard has it."""
    return await desk.ask("POST", "//oauth/token", body=urlencode(fields).encode(), content_type=FORM, token="")


async def by_query(desk: Desk, fields: Parameters) -> Response:
    """The answer to parameters in the query of a request without a body."""
    return await desk.ask("POST", f"//oauth/token?{urlencode(fields)}", token="")


async def by_query_and_form_type(desk: Desk, fields: Parameters) -> Response:
    """The answer to the same from a client that speaks of a form which it does not send."""
    path = f"//oauth/token?{urlencode(fields)}"
    return await desk.ask("POST", path, body=b"", content_type=FORM, content_length="0", token="")


async def by_multipart(desk: Desk, fields: Parameters) -> Response:
    """The answer to parameters in a form for files."""
    content_type = "multipart/form-data; boundary=line"
    return await desk.ask("POST", "//oauth/token", body=multipart(fields), content_type=content_type, token="")


async def by_json(desk: Desk, fields: Parameters) -> Response:
    """The answer to parameters in a JSON object."""
    return await desk.ask("POST", "//oauth/token", fields, token="")


WAYS = pytest.mark.parametrize("way", [by_form, by_query, by_query_and_form_type, by_multipart, by_json])


@WAYS
@pytest.mark.parametrize("grant", [{"grant_type": "client_credentials"}, LOGIN], ids=["client_credentials", "password"])
async def test_tokens(desk: Desk, way: Any, grant: Parameters) -> None:
    """However parameters come, there are tokens of the type `Bearer`; an application alone gets no refresh token."""
    response = await way(desk, {**grant, **await application(desk)})
    assert (200, "application/json", "no-store") == (
        response.status,
        response.headers["content-type"],
        response.headers["cache-control"],
    )
    tokens = response.json()
    assert ("Bearer", 3600, "") == (tokens["token_type"], tokens["expires_in"], tokens["scope"])
    assert (grant == LOGIN) is ("refresh_token" in tokens)
    assert desk.id == (await desk.get("/client/@me", token=tokens["access_token"]))["id"]
    who = await desk.get("/user/", token=tokens["access_token"])
    assert (ADMIN if grant == LOGIN else None, desk.id) == (who["login"], who["client_id"])


@WAYS
async def test_refreshing(desk: Desk, way: Any) -> None:
    """A refresh token brings another pair; one that is no good is 401 here, with `invalid_grant`."""
    app = await application(desk)
    tokens = (await way(desk, {**LOGIN, **app})).json()
    asked = {"grant_type": "refresh_token", **app}
    again = await way(desk, {**asked, "refresh_token": tokens["refresh_token"]})
    assert (200, "Bearer") == (again.status, again.json()["token_type"])
    assert tokens["access_token"] != again.json()["access_token"]
    for wrong in (tokens["refresh_token"] + "x", "nonsense"):
        refused(await way(desk, {**asked, "refresh_token": wrong}), 401, "invalid_grant")


@WAYS
async def test_refusals(desk: Desk, way: Any) -> None:
    """Errors have the code of the standard, and `message` and `status` as all errors of this API."""
    app = await application(desk, grants=["password"])
    refused(await way(desk, {**LOGIN, **app, "password": "wrong"}), 401, "invalid_grant")
    refused(await way(desk, {**LOGIN, **app, "client_secret": "wrong"}), 401, "invalid_client")
    refused(await way(desk, {"grant_type": "client_credentials", **app}), 400, "unauthorized_client")
    refused(await way(desk, {"grant_type": "magic", **app}), 400, "unsupported_grant_type")
    refused(await way(desk, app), 400, "invalid_request")


def refused(response: Response, status: int, word: str) -> None:
    """Check that there are no tokens, and why."""
    error = response.json()
    assert (status, word, word) == (response.status, error["error"], error["status"])
    assert {"error", "error_description", "message", "status"} == {*error}
    assert error["message"] == error["error_description"] != ""


async def test_malformed_requests(desk: Desk) -> None:
    """What cannot be read is refused as what the standard calls an invalid request, and is never a fault of ours."""
    multi = "multipart/form-data; boundary=line"
    for body, content_type in (
        (b"grant_type=a&grant_type=b", FORM),
        (b"grant_type=%ff", FORM),
        (b"{", "application/json"),
        (b"nothing", multi),
        (b"--line--\r\n", multi),
        (multipart({"grant_type": "a"}) + multipart({"grant_type": "b"}), "multipart/form-data"),
        (multipart({"x": "1"}, 'filename="{}"'), multi),
        (multipart({"grant_type": "password"}).replace(b"--line--", multipart({"grant_type": "b"})), multi),
        (b"--line\r\n" + b"x" * 70_000, multi),
    ):
        response = await desk.ask("POST", "//oauth/token", body=body, content_type=content_type, token="")
        assert (400, "invalid_request") == (response.status, response.json()["error"]), (body[:80], response.body)
    response = await desk.ask("POST", "//oauth/token", body=b"<a/>", content_type="text/xml", token="")
    assert (415, "unsupported_media_type") == (response.status, response.json()["status"])
    assert 404 == (await desk.ask("POST", "//oauth/nonsense", {})).status
    response = await desk.ask("GET", "//oauth/token")
    assert (405, "POST, OPTIONS") == (response.status, response.headers["allow"])


async def test_the_query_counts_only_without_a_body(desk: Desk) -> None:
    """A body is not completed from the query, and no query is read as a body where no tokens are."""
    app = await application(desk)
    query = urlencode({**LOGIN, **app})
    response = await desk.ask("POST", f"//oauth/token?{query}", {"grant_type": "password"}, token="")
    assert (401, "invalid_client") == (response.status, response.json()["error"])
    response = await desk.ask("POST", "/client/@me/phone/?name=Desk")
    assert 400 == response.status


async def test_secrets_are_not_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """A query with secrets in it leaves no trace."""
    app = await application(desk)
    with caplog.at_level("DEBUG"):
        await by_query(desk, {**LOGIN, **app})
        await by_query(desk, {**LOGIN, **app, "grant_type": "magic"})
    assert app["client_secret"] not in caplog.text
    assert PASSWORD not in caplog.text


async def test_all_scopes(desk: Desk) -> None:
    """The scope `all` asks for whatever the application may have, some of which may also be named."""
    app = await application(desk, scopes=["calls", "texts"])
    for scope, granted in (("all", "calls texts"), ("texts", "texts")):
        for way in (by_form, by_query, by_multipart, by_json):
            assert granted == (await way(desk, {**LOGIN, **app, "scope": scope})).json()["scope"]
    refused(await by_form(desk, {**LOGIN, **app, "scope": "everything"}), 400, "invalid_scope")


async def test_the_way_through_a_browser(desk: Desk) -> None:
    """The page is at `/oauth/authorize`; the form on it leads back with a code, and that to tokens."""
    app = await application(desk)
    wish = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": BACK, "scope": "all", "state": "x"}
    page = await desk.ask("GET", f"//oauth/authorize?{urlencode(wish)}", token="")
    assert (200, True) == (page.status, page.headers["content-type"].startswith("text/html"))
    body = urlencode({**wish, "username": ADMIN, "password": PASSWORD}).encode()
    led = await desk.ask("POST", "//oauth/authorize", body=body, content_type=FORM, token="", accept="text/html")
    assert 303 == led.status, led.body
    words = dict(parse_qsl(urlsplit(led.headers["location"]).query))
    assert "x" == words["state"]
    asked = {"grant_type": "authorization_code", "code": words["code"], "redirect_uri": BACK, **app}
    by_address = await desk.ask("POST", f"//oauth/authorize?{body.decode()}", token="", accept="text/html")
    assert "location" not in by_address.headers
    tokens = await by_form(desk, asked)
    assert (200, "Bearer") == (tokens.status, tokens.json()["token_type"])
    refused(await by_form(desk, asked), 401, "invalid_grant")


async def test_giving_a_token_back(desk: Desk) -> None:
    """Revocation answers 200, and the token is good for nothing."""
    app = await application(desk)
    tokens = (await by_form(desk, {**LOGIN, **app})).json()
    body = urlencode({"token": tokens["access_token"], **app}).encode()
    response = await desk.ask("POST", "//oauth/revoke", body=body, content_type=FORM, token="")
    assert 200 == response.status
    refused_now = await desk.ask("GET", "/user/", token=tokens["access_token"])
    assert (401, "Unauthorized") == (refused_now.status, refused_now.json()["message"])


async def test_the_scheme_in_any_case(desk: Desk) -> None:
    """Clients repeat the type of the token as it came, in their own way."""
    client = Client(desk.world.app, None, "")
    for scheme in ("Bearer", "bearer", "BEARER"):
        response = await client.get("/api/ver1.0/user/", headers={"authorization": f"{scheme} {desk.token}"})
        assert 200 == response.status


async def test_tokens_of_the_other_dialects(desk: Desk) -> None:
    """A token is the same whichever dialect it came by; only its type is written in other ways."""
    app = await application(desk)
    client = Client(desk.world.app, None, "")
    body = urlencode({**LOGIN, **app}).encode()
    other = await client.request("POST", "/restapi/oauth/token", body=body, headers={"content-type": FORM})
    assert "bearer" == json.loads(other.body)["token_type"]
    assert desk.id == (await desk.get("/client/@me", token=json.loads(other.body)["access_token"]))["id"]
