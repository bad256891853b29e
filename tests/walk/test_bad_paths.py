"""Paths, queries and header fields that lead nowhere or are too much: each is refused in a sentence that helps."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.testing import Client

from .tools import ONE_STORE, Home, body_fields, refused, token_field, wire

pytestmark = ONE_STORE

WRITES = ("PUT", "POST", "PATCH")


NEAREST: list[Any] = [
    pytest.param("/acounts", "accounts", ["v2"], id="first"),
    pytest.param("/accounts/{home}/devcies", "devices", ["v2", "accounts/{home}"], id="second"),
    pytest.param("/accounts/{home}/devcies/x", "devices", ["v2", "accounts/{home}"], id="with-id"),
    pytest.param("/accounts/{home}/device/x", "devices", ["v2", "accounts/{home}"], id="singular"),
    pytest.param("/accounts/{home}/users/x/devises", "devices", ["v2", "accounts/{home}", "users/x"], id="third"),
    pytest.param("/accounts/{home}/Devices", "devices", ["v2", "accounts/{home}"], id="letter-case"),
    pytest.param("/accounts/{home}/usres/x/devices", "users", ["v2", "accounts/{home}"], id="in-the-middle"),
    pytest.param("/abuot", "about", ["v2"], id="about"),
    pytest.param("/accounts/{home}/call_flows", "callflows", ["v2", "accounts/{home}"], id="underscore"),
]


@pytest.mark.parametrize(("path", "nearest", "resolved"), NEAREST)
async def test_an_unknown_endpoint(home: Home, path: str, nearest: str, resolved: list[str]) -> None:
    """A name that nobody answers to gives a 404 that says how far the path resolved, and the nearest name."""
    data = refused(await home.client.get(path.format(home=home.id)), 404)
    assert [step.format(home=home.id) for step in resolved] == data["resolved"]
    assert f"{nearest!r}" in data["message"]


@pytest.mark.parametrize("path", ["/zzzzzz", "/accounts/{home}/zzzzzz", "/accounts/{home}/zzzzzz/qqqqqq", "", "/0"])
async def test_an_endpoint_that_is_like_no_other(home: Home, path: str) -> None:
    """Where no name is near, the 404 still says how far the path resolved."""
    data = refused(await home.client.get(path.format(home=home.id)), 404)
    assert "v2" == data["resolved"][0]
    assert "did you mean" not in data["message"]


ARITY: list[str] = [
    *("/about/x", "/user_auth/x", "/token_auth/x", "/api_auth/x/y", "/schemas/a/b/c", "/accounts/{home}/x"),
    *("/accounts/{home}/children/x", "/accounts/{home}/devices/x/y", "/accounts/{home}/devices/x/sync/y"),
    *("/accounts/{home}/devices/status/x", "/accounts/{home}/users/x/y/z", "/accounts/{home}/cdrs/legs/x/y"),
    *("/accounts/devices", "/accounts/{home}/users/devices", "/about/devices"),
    *("/accounts/{home}/devices/x/users", "/accounts/{home}/about/devices/x", "/accounts/{home}/groups/x/y"),
]


@pytest.mark.parametrize("path", ARITY)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "DELETE"])
async def test_wrong_arity(home: Home, path: str, method: str) -> None:
    """Too many or too few arguments, and chains that nobody answers, are a 404 whatever the verb."""
    data: dict[str, Any] | None = {} if method in WRITES else None
    refused(await home.client.request(method, path.format(home=home.id), data), 404)


IDS = [
    *("nobody", "0", "-1", "f" * 32, "f" * 256, "null", "undefined", "*", "~", "@me", "a b", "a+b", "%25", "<b>"),
    *("'", "%22", "a%2Fb", "..%2F..", ".", "..", "...", "%2e%2e", "%252e%252e", ";", "a;b=c", "\u00e4"),
    *("%F0%9F%98%80", "%E2%80%8B", "{ACCOUNT_ID}", "$(id)", "`id`", "' OR 1=1 --", "\\", "%5c"),
]


@pytest.mark.parametrize("id", IDS, ids=[f"{ascii(id)[:24]}-{len(id)}" for id in IDS])
async def test_an_unknown_id(home: Home, id: str) -> None:
    """An id that names nothing is a 404 (or a 400 where it cannot be an id), below each noun."""
    for noun in ("devices", "users", "cdrs", "groups"):
        response = await home.get(f"/{noun}/{id}")
        assert response.status in (400, 404), response.body
        refused(response, response.status)
    response = await home.client.get(f"/accounts/{id}")
    assert response.status in (400, 404)
    refused(response, response.status)


JUNK: list[bytes] = [
    *(b"/", b"//", b"/v", b"/v2", b"/v2/", b"/v2//", b"/v2a/about", b"/V2/about", b"/2/about", b"/v-2/about"),
    *(b"/v2.0/about", b"/v2/%", b"/v2/%2", b"/v2/%zz", b"/v2/%+1", b"/v2/% 1", b"/v2/%%41", b"/v2/%u0041"),
    *(b"/v2/%ff", b"/v2/%c0%ae", b"/v2/%ed%a0%80", b"/v2/%00", b"/v2/about%00", b"/v2/about%0d%0ax:1", b"/v2/\xff"),
    *(b"/v2/\xc3\xa4", b"/v2/ab out", b"/v2/accounts/{home}//devices", b"/v2//accounts/{home}"),
    *(b"//v2/accounts/{home}", b"/v2/accounts/{home}/devices//x", b"/v2/accounts/{home}%2Fdevices"),
    *(b"/v2/accounts%2F{home}", b"/v2/accounts/{home}/../{home}", b"/v2/accounts/./{home}"),
    *(b"/v2/accounts/{home}/devices/%00", b"/v2/accounts/{home}/devices/a%00b", b"/v2/accounts/{home}/devices/%0a"),
    *(b"/v2/accounts/{home}/devices/%7f", b"/v2/accounts/{home}/devices/%c2%85"),
    *(b"/v2/accounts/{home}/devices/%e2%80%a8", b"/v2/accounts/{home}/devices/" + b"x" * 257),
    *(b"/v2/accounts/{home}/devices/" + b"%41" * 300, b"/v2/about;x=1", b"/v2/accounts/{home}\\devices", b"*"),
    *(b"about", b"http://evil/v2/about", b"@evil/v2/about", b"/v2/about#x", b"/v2/about?", b"/v2/about/"),
    *(b"/v2/accounts/{home}/", b"/v2/%61bout", b"/v%32/about", b"/%762/about"),
]
FINE = {b"/v2/about?", b"/v2/about/", b"/v2/accounts/{home}/", b"/v2/%61bout", b"/v%32/about", b"/%762/about"}


@pytest.mark.parametrize("target", JUNK, ids=[ascii(target)[2:40] for target in JUNK])
@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
async def test_junk_in_the_path(home: Home, target: bytes, method: str) -> None:
    """A path that is odd is refused with an envelope, or read as the standard says; it never breaks anything."""
    raw = target.replace(b"{home}", home.id.encode())
    if method == "DELETE" and target in FINE:
        raw = b"/v2/about"
    response = await wire(home.world.app, method, raw, [token_field(home.client)])
    if target in FINE:
        assert {"GET": 200, "DELETE": 405}.get(method, response.status) == response.status
    elif not (method == "OPTIONS" and response.status in (200, 204)):
        assert response.status in (400, 404), response.body
        refused(response, response.status)


MANY: dict[str, tuple[bytes, int]] = {
    "33-segments": (b"/v2/about" + b"/x" * 31, 400),
    "1000-segments": (b"/v2" + b"/x" * 1000, 400),
    "4000-segments": (b"/v2" + b"/x" * 4000, 400),
    "10000-segments": (b"/v2" + b"/x" * 10_000, 414),
    "10000-slashes": (b"/" * 10_000, 414),
    "4000-slashes": (b"/v2/about" + b"/" * 4000, 400),
    "4000-accounts": (b"/v2" + b"/accounts" * 900, 400),
    "long-segment": (b"/v2/" + b"x" * 9000, 414),
    "long-query": (b"/v2/about?x=" + b"x" * 9000, 414),
    "just-too-long": (b"/v2/about?" + b"x" * (8192 - 8), 414),
    "101-words": (b"/v2/about?" + b"&".join(b"w%d=1" % n for n in range(101)), 400),
    "4000-ampersands": (b"/v2/about?" + b"&" * 4000, 400),
    "long-word": (b"/v2/about?w=" + b"x" * 3000, 400),
    "100-words": (b"/v2/about?" + b"&".join(b"w%d=1" % n for n in range(100)), 200),
    "20-nouns": (b"/v2" + b"/users/x" * 15, 404),
}


@pytest.mark.parametrize(("target", "status"), MANY.values(), ids=MANY)
async def test_too_much_of_everything(home: Home, target: bytes, status: int) -> None:
    """Each limit of the request target has its status."""
    response = await wire(home.world.app, "GET", target, [token_field(home.client)])
    assert status == response.status, response.body
    if status != 200:
        refused(response, status)


FIELDS: dict[str, tuple[list[tuple[bytes, bytes]], int]] = {
    "98-fields": ([(b"x-%d" % n, b"1") for n in range(98)], 200),
    "101-fields": ([(b"x-%d" % n, b"1") for n in range(101)], 431),
    "10000-fields": ([(b"x", b"1")] * 10_000, 431),
    "20-kib": ([(b"x", b"1" * 20_480)], 431),
    "20-kib-name": ([(b"x" * 20_480, b"1")], 431),
    "20-kib-in-pieces": ([(b"x-%d" % n, b"1" * 1024) for n in range(20)], 431),
    "10-kib": ([(b"x", b"1" * 10_240)], 200),
}


@pytest.mark.parametrize(("fields", "status"), FIELDS.values(), ids=FIELDS)
async def test_too_many_header_fields(client: Client, fields: list[tuple[bytes, bytes]], status: int) -> None:
    """Header fields have limits in number and size."""
    response = await wire(client.app, "GET", b"/v2/about", [token_field(client), *fields])
    assert status == response.status
    if status != 200:
        refused(response, status, "headers_too_large")


ODD_FIELDS: dict[str, tuple[bytes, bytes]] = {
    "accept-junk": (b"accept", b"\xff;q=x,,;"),
    "accept-nan": (b"accept", b"application/json;q=nan"),
    "accept-many": (b"accept", b",".join([b"text/csv;q=0.1"] * 800)),
    "accept-empty": (b"accept", b""),
    "content-type-junk": (b"content-type", b"\xff/;"),
    "if-none-match-junk": (b"if-none-match", b'"\xff,,"*'),
    "if-match-junk": (b"if-match", b"\xff"),
    "authorization-junk": (b"authorization", b"\xff \xff"),
    "token-junk": (b"x-auth-token", b"\xff\0"),
    "file-name-junk": (b"x-file-name", b"\xff\0/.."),
    "pretty-junk": (b"x-pretty-print", b"\xff"),
    "range": (b"range", b"bytes=0-1,2-3"),
    "expect": (b"expect", b"100-continue"),
    "no-name": (b"", b"x"),
}


@pytest.mark.parametrize("field", ODD_FIELDS.values(), ids=ODD_FIELDS)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_odd_header_fields(home: Home, field: tuple[bytes, bytes], method: str) -> None:
    """A header field that makes no sense never breaks anything."""
    id = await home.made("/devices", {"name": "Desk"})
    fields = [token_field(home.client), field]
    if method == "PATCH":
        fields = [*body_fields(b'{"data":{}}'), *fields]
    body = [b'{"data":{}}'] if method == "PATCH" else [b""]
    for target in (f"/v2{home.at()}/devices/{id}", f"/v2{home.at()}/devices"):
        response = await wire(home.world.app, method, target.encode(), fields, body)
        assert response.status < 500


@pytest.mark.parametrize(
    "path", ["/%00", "/%00/accounts", "/accounts/%00", "/account/%0A", "/%E2%80%AE", "/" + "a" * 300]
)
async def test_what_no_segment_may_hold(home: Home, path: str) -> None:
    """Control characters and overlong segments are refused wherever they stand, also where no noun takes them."""
    response = await home.client.get(path)
    assert (400, "bad_path") == (response.status, response.json()["message"])
