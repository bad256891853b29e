"""Secrets in log records: found by their looks, by the name before them, and by what the present request carries."""

from __future__ import annotations

import json
import weakref
from base64 import b64encode
from collections.abc import MutableMapping
from contextvars import Context
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.redaction import Carrier, of_present, redacted, secrets_of, work_for

SECRET = "hunter2-Xy9"
KEY = "cb_Zk3-_abcDEFghiJKLmnoPQRstuVWXyz0123456789-abcd"
TOKEN = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImNyb3NzYmFyIn0.eyJpc3MiOiJrYXpvbyJ9.Zk3-_abcDEF"


class Sent:
    """A request that somebody sent."""

    def __init__(
        self,
        headers: list[tuple[bytes, bytes]] | None = None,
        query: bytes = b"",
        envelope: dict[str, Any] | None = None,
        token: str | None = None,
    ) -> None:
        self.scope: MutableMapping[str, Any] = {"headers": headers or [], "query_string": query}
        self.envelope = envelope or {}
        self.token = token


# By name.

NAMED = [
    "auth_token={}",
    "/v2/about?auth_token={}&page_size=3",
    "access_token={} and more",
    "X-Auth-Token: {}",
    "x-auth-token: {}\r\nhost: a",
    "Authorization: Bearer {}",
    "authorization: Basic {}",
    "{{'password': '{}'}}",
    '{{"password": "{}", "x": 1}}',
    '{{"password":"{}"}}',
    "{{\\'password\\': \\'{}\\'}}",
    '\'{{"credentials": "{}"}}\'',
    '"{{\\"credentials\\": \\"{}\\"}}"',
    "(b'authorization', b'Bearer {}')",
    "[(b'x-auth-token', b'{}'), (b'host', b'a')]",
    "b'x-auth-token': b'{}'",
    "{{'credentials': {{'md5': '{}', 'sha': 'x'}}}}",
    "'token': ['a', '{}']",
    "password={!r}",
    "password = {}",
    "user_password: {}",
    "pvt_md5_auth: {}",
    "api_key={}",
    "api-key: {}",
    "client_secret={}",
    "Cookie: session={}",
    "identity_sig={}",
    "Bearer {}",
    "https://user:{}@example.com/",
    "mongodb://root:{}@10.0.0.1:27017/db",
]


@pytest.mark.parametrize("form", NAMED)
def test_after_its_name(form: str) -> None:
    """What stands after the name of a secret goes, however it is written."""
    text = form.format(SECRET)
    assert SECRET in text
    assert SECRET not in redacted(text)
    assert "***" in redacted(text)


@pytest.mark.parametrize("form", ["{}", "at {} end", "'{}'", "token/{}", "x={}&y", "[{}]"])
def test_what_looks_like_a_token(form: str) -> None:
    """A JWT goes wherever it stands."""
    found = redacted(form.format(TOKEN))
    assert [] == [part for part in TOKEN.split(".") if part in found]


@pytest.mark.parametrize("form", ["{}", "at {} end", "'{}'", "key/{}", "x={}&y", "[{}]", "client-key: {}"])
def test_what_looks_like_a_key(form: str) -> None:
    """An API key that this server has made goes wherever it stands, whatever the field is called that holds it."""
    assert KEY not in redacted(form.format(KEY))


PROSE = [
    "the token was revoked: log in again",
    "the Basic credentials are not base64 of account_id:md5(username:password)",
    "the token of a stream cannot be checked: away (request 5f)",
    "slow: 1.2 s in endpoint api_auth (crossbar.modules.api_auth) (request ab12)",
    "endpoint token_auth is out of order: No module named 'x'",
    '  File "/srv/modules/secrets.py", line 12, in authenticate',
    "sqlite:////srv/data/crossbar.db: unable to open database file",
    "GET /v2/accounts/0123456789abcdef0123456789abcdef/devices",
    "Bearer authentication is basic stuff",
]


@pytest.mark.parametrize("text", PROSE)
def test_what_is_no_secret(text: str) -> None:
    """Sentences of ours are left as they are."""
    assert text == redacted(text)


# By value.


def carriers(secret: str) -> list[Any]:
    """Requests that carry a secret, each in another place."""
    encoded = secret.encode()
    digest = b64encode(f"account:{secret}".encode())
    places = [
        ("x-auth-token", Sent([(b"x-auth-token", encoded)])),
        ("bearer", Sent([(b"authorization", b"Bearer " + encoded)])),
        ("basic", Sent([(b"authorization", b"Basic " + digest)])),
        ("cookie", Sent([(b"cookie", b"a=b; session=" + encoded)])),
        ("twice", Sent([(b"x-auth-token", encoded), (b"x-auth-token", b"other")])),
        ("query", Sent(query=f"a=b&auth_token={quote(secret)}".encode())),
        ("access_token", Sent(query=f"access_token={quote(secret)}&a=b".encode())),
        ("envelope", Sent(envelope={"auth_token": secret})),
        ("password", Sent(envelope={"data": {"password": secret}})),
        ("nested", Sent(envelope={"data": {"sip": [{"password": secret}]}})),
        ("within", Sent(envelope={"data": {"credentials": {"md5": [secret]}}})),
        ("api_key", Sent(envelope={"data": {"api_key": secret}})),
        ("token", Sent(token=secret)),
    ]
    return [pytest.param(request, id=name) for name, request in places]


@pytest.mark.parametrize("request_", carriers(SECRET))
def test_what_a_request_carries(request_: Carrier) -> None:
    """It goes wherever it is quoted, without any name before it."""
    told = f"it was {SECRET}, or {SECRET!r}, or {json.dumps([SECRET])}: {SECRET.encode()!r}"
    assert SECRET not in redacted(told, secrets_of(request_))


@pytest.mark.parametrize("secret", ["p'ss w\"rd", "b\u00fccher 4", "a\\b\\c1", "line\nend", "tab\t&=#", "\u2028sep"])
@pytest.mark.parametrize("spell", [str, repr, ascii, json.dumps, quote], ids=lambda spell: spell.__name__)
def test_however_it_is_spelled(secret: str, spell: Any) -> None:
    """Python, JSON and URLs write the same value in other characters."""
    request = Sent(envelope={"data": {"password": secret}})
    assert "it was ***" == redacted(f"it was {spell(secret)}", secrets_of(request)).replace("'", "").replace('"', "")


def test_numbers() -> None:
    """A PIN may be a number."""
    assert "***" == redacted("918273", secrets_of(Sent(envelope={"data": {"pin": 918273}})))


def test_what_is_too_short_to_be_looked_for() -> None:
    """A value of a few characters would be found everywhere."""
    assert [] == secrets_of(Sent(envelope={"data": {"pin": "12", "password": "a"}}, token="x"))


def test_what_is_part_of_another() -> None:
    """The longest goes first, so that nothing is left of it."""
    request = Sent([(b"x-auth-token", b"abcd"), (b"authorization", b"Bearer abcd-efgh")])
    assert "***" == redacted("abcd-efgh", secrets_of(request))


def test_what_is_nested_without_end() -> None:
    """A body that is very deep is looked into as far as it makes sense."""
    body: dict[str, Any] = {"password": SECRET}
    for _ in range(1_000):
        body = {"a": body}
    assert [] == secrets_of(Sent(envelope=body))


def test_basic_that_is_none() -> None:
    """What is no base64 is a secret as it stands."""
    assert ["Basic %%%%%", "%%%%%"] == secrets_of(Sent([(b"authorization", b"Basic %%%%%")]))


def test_outside_of_requests() -> None:
    """Where no request is worked for, there are none."""
    assert [] == Context().run(of_present)


def test_the_present_request() -> None:
    """What a task was started for is known to it; the body of the request as long as that lives, and no longer."""

    def work() -> None:
        request = Sent([(b"x-auth-token", b"in-the-header")], envelope={"data": {"password": "in-the-body"}})
        work_for(request)
        assert ["in-the-header", "in-the-body"] == of_present()
        gone = weakref.ref(request)
        del request
        assert (None, ["in-the-header"]) == (gone(), of_present())

    Context().run(work)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """Whatever stands there, nothing is raised, and doing it twice changes nothing more."""
    once = redacted(text)
    assert redacted(once).count("***") >= once.count("***")


@given(st.text(st.characters(codec="utf-8"), min_size=4, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_any_secret(secret: str, before: str, after: str) -> None:
    """Whatever the secret is, it is not there any more, unless in what hides it."""
    left = redacted(f"{before}{secret}{after}", secrets_of(Sent(envelope={"data": {"password": secret}})))
    assert secret not in left.replace("***", "") or secret in f"{before}{after}"


PIECES = [
    "password",
    "token=",
    "eyJ",
    "eyJabcdefg.",
    "'password': '",
    "Bearer ",
    "://a:",
    "\\",
    "a.b.",
    "' ,",
    "a-",
    "_",
]


@pytest.mark.parametrize("piece", PIECES)
def test_it_takes_no_time(piece: str) -> None:
    """Text that is made to be slow is not (each pattern is linear)."""
    assert isinstance(redacted(piece * (50_000 // len(piece))), str)
