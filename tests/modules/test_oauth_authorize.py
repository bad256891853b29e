"""The login page and the codes that it leads back with."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from crossbar.testing import Client, Response

from .oauth_desk import BACK, CHALLENGE, VERIFIER, App, Desk, at_desk, got, led, refused, wish


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk of the test's own."""
    async with at_desk() as made:
        yield made


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.inputs: dict[str, str] = {}
        self.form: dict[str, str | None] = {}
        self.text = ""
        self.feed(response.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down a tag."""
        self.tags.append(tag)
        found = dict(attrs)
        assert not [name for name in found if name.startswith("on") or name in ("style", "src", "href")]
        if tag == "input":
            self.inputs[str(found["name"])] = found.get("value") or ""
        elif tag == "form":
            self.form = found

    def handle_data(self, data: str) -> None:
        """Take down what is to be read."""
        self.text += data


async def shown(desk: Desk, **parameters: Any) -> Response:
    """The response to a browser that an application has sent."""
    return await Client(desk.world.app).get("/oauth/authorize", query=parameters)


async def test_the_page(desk: Desk) -> None:
    """One form, no scripts, nothing from elsewhere, no frame around it, and no cache."""
    app = await desk.app(name="Tea & <b>Cake</b>")
    response = await shown(desk, **wish(app, state='"><script>alert(1)</script>', brand_id="7", display="page"))
    page = Page(response)
    assert (200, "text/html; charset=utf-8") == (response.status, response.headers["content-type"])
    assert {"script", "link", "img", "iframe", "b"}.isdisjoint(page.tags)
    assert ("post", "?") == (page.form["method"], page.form["action"])
    assert ("Log in to Tea & <b>Cake</b>" in page.text, "app.example.com" in page.text) == (True, True)
    kept = wish(app, state='"><script>alert(1)</script>')
    assert kept | {"username": "", "extension": "", "password": ""} == page.inputs
    policy = dict(part.strip().partition(" ")[::2] for part in response.headers["content-security-policy"].split(";"))
    style = response.body.partition(b"<style>")[2].partition(b"</style>")[0]
    digest = b64encode(hashlib.sha256(style).digest()).decode()
    assert {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "form-action": "'self' https://app.example.com",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    } == policy
    assert ("no-store", "no-referrer") == (response.headers["cache-control"], response.headers["referrer-policy"])


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("http://[::1]:8400/back", "http:"),
        ("com.example.app:/back", "com.example.app:"),
        (f"{BACK}?a=b", "https://app.example.com"),
    ],
)
async def test_where_a_form_may_lead(desk: Desk, uri: str, source: str) -> None:
    """The page's policy has the application's address in it, in whatever form that is."""
    app = await desk.app(redirect_uris=[uri])
    response = await shown(desk, **wish(app, redirect_uri=uri))
    assert f"form-action 'self' {source};" in response.headers["content-security-policy"]
    answer = await desk.sign_in(app, redirect_uri=uri)
    place = urlsplit(answer.headers["location"])
    assert (303, uri.partition("?")[0]) == (answer.status, place._replace(query="").geturl())
    assert {"code", "state"} <= set(dict(parse_qsl(place.query)))
    assert ("a" in dict(parse_qsl(place.query))) is ("?" in uri)


WRONG_PLACES = [
    *(
        f"{BACK}/",
        f"{BACK}?x=1",
        "https://app.example.com/bac",
        BACK.upper(),
        f"{BACK}#x",
        "https://evil.example.com/back",
        "",
    ),
    *("https://app.example.com.evil.example.com/back", "javascript:alert(1)", "//app.example.com/back", f" {BACK}"),
]


@pytest.mark.parametrize("logs_in", [False, True], ids=["shown", "posted"])
async def test_nobody_is_led_astray(desk: Desk, logs_in: bool) -> None:
    """With an unknown client, or an address that is not listed, there is a page of ours and no redirection."""
    app, off = await desk.app(), await desk.app(enabled=False)
    wishes = [wish(app, redirect_uri=uri) for uri in WRONG_PLACES]
    wishes += [wish(App(id, "")) for id in ("f" * 32, "", "<script>", off.id)]
    wishes += [wish(app, redirect_uri="x" * 5000)] if logs_in else []
    for asked in wishes:
        response = await (desk.sign_in(app, **asked) if logs_in else shown(desk, **asked))
        assert (400, "text/html; charset=utf-8") == (response.status, response.headers["content-type"]), asked
        assert "location" not in response.headers
        assert {"form", "script"}.isdisjoint(Page(response).tags)


@pytest.mark.parametrize("logs_in", [False, True], ids=["shown", "posted"])
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"scope": "Nothing"}, "invalid_scope"),
    ],
)
async def test_faults_are_led_back(desk: Desk, change: dict[str, str], error: str, logs_in: bool) -> None:
    """Once it is known who asks, the application is told what is wrong, with its state."""
    app = await desk.app(scopes=["Calls"])
    response = await (desk.sign_in(app, **change) if logs_in else shown(desk, **wish(app, **change)))
    words = led(response, 303 if logs_in else 302)
    assert (error, "xyz") == (words["error"], words["state"])
    assert words["error_description"]


async def test_an_application_without_the_grant(desk: Desk) -> None:
    """It is told so."""
    app = await desk.app(grants=["password"])
    assert "unauthorized_client" == led(await shown(desk, **wish(app)), 302)["error"]


async def test_a_state_breaks_out_of_nothing(desk: Desk) -> None:
    """Line ends and separators in it come back as they were."""
    app = await desk.app()
    state = "a b&code=x#y\r\nset-cookie: z=\u00e4\u20ac"
    assert state == led(await desk.sign_in(app, state=state))["state"]
    assert state == led(await desk.sign_in(app, state=state, response_type="token"))["state"]


async def test_a_wrong_password(desk: Desk) -> None:
    """The page comes again, with the name and without the password, and no code."""
    app = await desk.app()
    response = await desk.sign_in(app, username='"admin', password="wrong-pass")
    page = Page(response)
    assert (401, '"admin', "") == (response.status, page.inputs["username"], page.inputs["password"])
    assert ("is wrong" in page.text, b"wrong-pass" in response.body, "location" in response.headers) == (
        True,
        False,
        False,
    )
    assert wish(app).items() <= page.inputs.items()
    led(await desk.sign_in(app, **{**page.inputs, "username": "admin", "password": "crossbar"}))


async def test_too_many_wrong_passwords() -> None:
    """They count as those of every login, and the page says so."""
    async with at_desk(failures=3) as desk:
        app = await desk.app()
        assert [401] * 3 == [(await desk.sign_in(app, password="wrong")).status for _ in range(3)]
        response = await desk.sign_in(app)
        assert (429, "900") == (response.status, response.headers["retry-after"])
        assert "too many" in Page(response).text
        assert 429 == (await desk.ask(app, "password", username="admin", password="crossbar")).status


async def test_who_can_log_in(desk: Desk) -> None:
    """The same names as with the grant `password`, an account in a field of its own, and nobody out of reach."""
    app = await desk.app()
    await desk.user(username="ada", number="101", password="difference-engine")
    ada = {"password": "difference-engine"}
    ways = [{"username": "ada"}, {"username": "ada@customer"}, {"username": "customer*101"}]
    ways += [{"username": "", "extension": "101"}, {"username": "ada", "account": "customer.example.com"}]
    for way in ways:
        assert "code" in led(await desk.sign_in(app, **{**ada, **way})), way
    for way in ({"username": "admin", "account": "stranger"}, {"username": "admin@stranger"}, {"account": "nowhere"}):
        assert 401 == (await desk.sign_in(app, **way)).status


# Codes.


async def test_a_code(desk: Desk) -> None:
    """It leads to a session of who has logged in, with the scopes that were asked for then."""
    app = await desk.app(scopes=["A", "B"])
    tokens = got(await desk.redeem(app, await desk.code(app, scope="B")))
    assert ("B", desk.world.customer[:16] + "0" * 16) == (tokens["scope"], tokens["owner_id"])
    principal = await desk.world.app.tokens.check(tokens["access_token"])
    assert "oauth_authorization_code" == principal.method
    got(await desk.refresh(app, tokens))


@pytest.mark.parametrize("prefix", ["/v2/oauth", "/restapi/oauth", "/oauth"])
async def test_a_browser_sends_the_form(desk: Desk, prefix: str) -> None:
    """In whichever dialect the page was shown, its form leads on: the answer to it is the same everywhere."""
    app = await desk.app()
    client = Client(desk.world.app, prefix="")
    page = Page(await client.get(f"{prefix}/authorize", query=wish(app)))
    fields = page.inputs | {"account": "customer", "username": "admin", "password": "crossbar"}
    sent = await client.request(
        "POST",
        f"{prefix}/authorize",
        body=urlencode(fields).encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert {"code", "state"} == set(led(sent))


async def test_words_that_stand_twice(desk: Desk) -> None:
    """Nobody has to guess which of two applications is meant (RFC 6749, 3.1); nobody is led back either."""
    asked = "&".join(f"{name}={value}" for name, value in wish(await desk.app(), client_id="another").items())
    response = await Client(desk.world.app, prefix="").get(f"/oauth/authorize?client_id=one&{asked}")
    assert (400, True) == (response.status, "location" not in response.headers)


async def test_a_form_of_another_site(desk: Desk) -> None:
    """A browser that says where a form comes from is believed."""
    app = await desk.app()
    client = Client(desk.world.app, prefix="")
    fields = wish(app) | {"account": "customer", "username": "admin", "password": "crossbar"}
    for site, status in (("cross-site", 403), ("same-origin", 303)):
        headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": site}
        sent = await client.request("POST", "/oauth/authorize", body=urlencode(fields).encode(), headers=headers)
        assert status == sent.status, sent.body


async def test_a_code_is_good_once(desk: Desk) -> None:
    """The second time it is refused, and ends what it has led to, also after a refresh."""
    app = await desk.app()
    code = await desk.code(app)
    tokens = got(await desk.refresh(app, got(await desk.redeem(app, code))))
    desk.clock.now += 1000
    assert await desk.works(tokens)
    refused(await desk.redeem(app, code), "invalid_grant")
    assert not await desk.works(tokens)
    refused(await desk.refresh(app, tokens), "invalid_grant")
    refused(await desk.redeem(app, code), "invalid_grant")


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": ""},
        {"code_verifier": VERIFIER + "x"},
        {"code_verifier": CHALLENGE},
        {"code_verifier": "x"},
        {"redirect_uri": f"{BACK}/"},
        {"code": "x"},
    ],
)
async def test_a_code_for_something_else(desk: Desk, change: dict[str, str]) -> None:
    """What does not fit the request is refused, and whom the code belongs to can still use it."""
    app = await desk.app()
    code = await desk.code(app)
    refused(await desk.redeem(app, **{"code": code, **change}), "invalid_grant")
    got(await desk.redeem(app, code))


async def test_a_code_of_another_client(desk: Desk) -> None:
    """It is unknown to it."""
    app, other = await desk.app(), await desk.app()
    code = await desk.code(app)
    refused(await desk.redeem(other, code), "invalid_grant")
    got(await desk.redeem(app, code))
    refused(await desk.redeem(other, code), "invalid_grant")


async def test_a_code_ends(desk: Desk) -> None:
    """After a minute it is over."""
    app = await desk.app()
    early, late = await desk.code(app), await desk.code(app)
    desk.clock.now += 59
    got(await desk.redeem(app, early))
    desk.clock.now += 1
    refused(await desk.redeem(app, late), "invalid_grant")


@pytest.mark.parametrize("change", [{"enabled": False}, {"password": "another-engine"}])
async def test_a_code_ends_with_its_user(desk: Desk, change: dict[str, Any]) -> None:
    """Whoever is disabled or gets a new password has no use for it any more."""
    app = await desk.app()
    user = await desk.user(username="ada", password="difference-engine")
    code = await desk.code(app, username="ada", password="difference-engine")
    client = await desk.world.client("customer")
    assert 200 == (await client.patch(f"/accounts/{desk.world.customer}/users/{user['id']}", change)).status
    refused(await desk.redeem(app, code), "invalid_grant")


async def test_without_a_challenge(desk: Desk) -> None:
    """An application with a secret may leave it out; then there must be no verifier. One without a secret may not."""
    app, public = await desk.app(), await desk.app(public=True)
    nothing = {"code_challenge": "", "code_challenge_method": ""}
    refused(await desk.redeem(app, await desk.code(app, **nothing)), "invalid_grant")
    got(await desk.redeem(app, await desk.code(app, **nothing), code_verifier=""))
    assert "invalid_request" == led(await desk.sign_in(public, **nothing))["error"]
    got(await desk.redeem(public, await desk.code(public)))


async def test_a_browser_may_look_first(desk: Desk) -> None:
    """HEAD and OPTIONS are answered without a login, and other verbs are not offered."""
    app = await desk.app()
    client = Client(desk.world.app)
    head = await client.request("HEAD", "/oauth/authorize", query=wish(app))
    assert (200, b"") == (head.status, head.body)
    assert "GET, HEAD, POST, OPTIONS" == (await client.request("OPTIONS", "/oauth/authorize")).headers["allow"]
    assert 405 == (await client.put("/oauth/authorize")).status
