"""What RingCentral's clients need on the server before they come: an application, people who use it, and messages."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import md5
from html.parser import HTMLParser
from http.client import HTTPConnection
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit
from uuid import uuid4

PASSWORD = "correct horse battery"
REDIRECT = "http://127.0.0.1:9/back"
SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(200))
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANTS = ("password", "refresh_token", "authorization_code", JWT)
_numbers = count(7000)
_BOUNDARY = "a-line-that-nobody-writes"


@dataclass(frozen=True, slots=True)
class Application:
    """A program that people log in by."""

    id: str
    secret: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an extension and a voicemail box."""

    id: str
    username: str
    number: str
    phone: str
    box: str
    password: str = PASSWORD


@dataclass(frozen=True, slots=True)
class Office:
    """An account with a server around it, which is filled through Crossbar's own API."""

    url: str
    account_id: str
    account_name: str
    token: str = field(repr=False)

    def at(self, path: str) -> str:
        """The path of something in the account."""
        return f"/accounts/{self.account_id}{path}"

    def asked(self, method: str, path: str, data: Any = None, token: str = "") -> Any:
        """The data that the server answers with."""
        return self._sent(method, path, {"data": data}, token=token)["data"]

    def application(self, *, public: bool = False) -> Application:
        """A new application."""
        body = {"name": "Desk", "grants": GRANTS, "redirect_uris": [REDIRECT], "public": public}
        made = self.asked("PUT", self.at("/applications"), body)
        return Application(made["client_id"], made.get("client_secret", ""))

    def person(self) -> Person:
        """A new administrator with an extension, a number of the outside, and a voicemail box."""
        number, username, phone = str(next(_numbers)), f"ada.{uuid4().hex}", "+12025550147"
        body = {
            **{"first_name": "Ada", "last_name": "Byron", "username": username, "password": PASSWORD},
            **{"number": number, "priv_level": "admin", "caller_id": {"external": {"number": phone}}},
        }
        id = self.asked("PUT", self.at("/users"), body)["id"]
        box = self.asked("PUT", self.at("/vmboxes"), {"name": username, "mailbox": number, "owner_id": id})["id"]
        return Person(id, username, number, phone, box)

    def voicemail(self, person: Person) -> str:
        """A new message with its sound in somebody's box; its id."""
        parts = [
            *("--" + _BOUNDARY, "Content-Type: application/json", "", '{"data": {"length": 3000}}', "--" + _BOUNDARY),
            *('Content-Disposition: form-data; name="content"; filename="call.wav"', "Content-Type: audio/wav", "", ""),
        ]
        body = "\r\n".join(parts).encode() + SOUND + f"\r\n--{_BOUNDARY}--\r\n".encode()
        content_type = f"multipart/mixed; boundary={_BOUNDARY}"
        made = self._sent("PUT", self.at(f"/vmboxes/{person.box}/messages"), body, content_type)["data"]
        return str(made["id"])

    def assertion(self, person: Person, application: Application) -> str:
        """A JWT credential of somebody's for an application, which they have made after a login by password."""
        credentials = md5(f"{person.username}:{person.password}".encode()).hexdigest()
        login = {"credentials": credentials, "account_name": self.account_name}
        token = self._sent("PUT", "/user_auth", {"data": login})["auth_token"]
        made = self.asked("POST", "/oauth/assertion", {"client_id": application.id}, token)
        return str(made["assertion"])

    def _sent(
        self, method: str, path: str, body: Any, content_type: str = "application/json", token: str = ""
    ) -> dict[str, Any]:
        """The envelope that the server answers with; a body that is not bytes is sent as JSON."""
        headers = {"Content-Type": content_type, "X-Auth-Token": token or self.token}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/v2{path}", raw, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            envelope: dict[str, Any] = json.load(response)
            return envelope


def office_at(url: str, account_id: str, account_name: str, api_key: str) -> Office:
    """The account of an API key on a running server."""
    body = json.dumps({"data": {"api_key": api_key}}).encode()
    request = urllib.request.Request(f"{url}/v2/api_auth", body, {"Content-Type": "application/json"}, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as response:
        return Office(url, account_id, account_name, json.load(response)["auth_token"])


def logged_in_by_browser(login_url: str, person: Person) -> dict[str, str]:
    """Fill in the page at an address, and give the words that the browser is led back to the application with."""
    status, page, _ = _fetched("GET", login_url)
    assert status == 200, page
    form = _Form()
    form.feed(page)
    typed = {**form.fields, "username": person.username, "password": person.password}
    status, page, place = _fetched("POST", urljoin(login_url.partition("?")[0], form.action), urlencode(typed))
    assert status in (302, 303), page
    assert place.startswith(f"{REDIRECT}?"), place
    return dict(parse_qsl(urlsplit(place).query))


def _fetched(method: str, url: str, form: str | None = None) -> tuple[int, str, str]:
    """Status, page and place to go on to, as a browser gets them that has not gone on yet."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=10)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        connection.request(method, f"{parts.path}?{parts.query}", form, headers)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers.get("Location", "")
    finally:
        connection.close()


class _Form(HTMLParser):
    """The form of a page: where it goes, and what is filled in already."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Take down what the form and its fields say."""
        facts = dict(attrs)
        if tag == "form":
            self.action = facts.get("action") or ""
        elif tag == "input" and facts.get("name"):
            self.fields[facts["name"] or ""] = facts.get("value") or ""
