"""Requests as published clients of the realm style write them, sloppy ones included, sent over a socket.

None of these clients can be installed here: two are Go modules, one is PHP, one a tool in JavaScript. What is played is
what is known of their requests: where parameters stand, which slashes are missing or too many, which words lists have,
and what each looks for in an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

FORM = "application/x-www-form-urlencoded"
_FOLLOWED = 5


class Refused(Exception):
    """What a client raises for a status that it does not expect."""

    def __init__(self, status: int, message: str, word: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.message, self.word = status, message, word


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, which it must say that it is."""
        assert self.headers["content-type"].startswith("application/json"), self.headers
        return json.loads(self.body)


@dataclass(slots=True)
class Wire:
    """A connection to a server, whose requests are sent as they are written."""

    url: str
    agent: str
    sent: list[str] = field(default_factory=list)

    def send(self, method: str, target: str, body: bytes | None = None, **fields: str) -> Answer:
        """The answer to one request; an underscore in the name of a header stands for a hyphen."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            headers = {"User-Agent": self.agent} | {name.replace("_", "-"): value for name, value in fields.items()}
            self.sent.append(f"{method} {target}")
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


class _Client:
    """What all of them do: a token for an application, and JSON with it."""

    agent = ""
    version = "/api/ver1.0"

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        self.wire = Wire(url, self.agent)
        self.id, self.secret = client_id, client_secret
        self.token = ""
        self.scheme = "Bearer"

    def log_in(self) -> dict[str, Any]:
        """The tokens of the application."""
        answer = self.ask_for_token({"grant_type": "client_credentials", **self.credentials, "scope": "all"})
        tokens = self.taken(answer, 200)
        self.token, self.scheme = tokens["access_token"], tokens["token_type"]
        return dict(tokens)

    @property
    def credentials(self) -> dict[str, str]:
        """How the application says who it is."""
        return {"client_id": self.id, "client_secret": self.secret}

    def ask_for_token(self, parameters: dict[str, str]) -> Answer:
        """The answer to a request for a token: by a form, as the standard has it."""
        return self.wire.send("POST", "/oauth/token", urlencode(parameters).encode(), Content_Type=FORM)

    def call(self, method: str, path: str, data: Any = None, **fields: str) -> Answer:
        """The answer to a request with the token."""
        body = json.dumps(data).encode() if data is not None else None
        headers = {"Authorization": f"{self.scheme} {self.token}", "Content_Type": "application/json", **fields}
        return self.wire.send(method, self.version + path, body, **headers)

    def taken(self, answer: Answer, *expected: int) -> Any:
        """What an answer says; Refused if its status is none of those expected."""
        if answer.status not in expected:
            error = answer.json()
            raise Refused(answer.status, error["message"], error.get("status", ""))
        return answer.json() if answer.body else None


class Go(_Client):
    """The client in Go: forms, slashes as the documents have them, lists with repeated values, files by address."""

    agent = "Go-http-client/1.1"

    def user(self) -> Any:
        """Who it is, which it asks first."""
        return self.taken(self.call("GET", "/user/"), 200)

    def extensions(self, client_id: str, **words: str) -> Any:
        """The extensions of a client."""
        return self.taken(self.call("GET", f"/client/{client_id}/extension/?{urlencode(words)}"), 200)

    def add_extension(self, client_id: str, data: Any) -> Any:
        """A new extension."""
        return self.taken(self.call("POST", f"/client/{client_id}/extension/", data), 201)

    def change_extension(self, client_id: str, id: str, data: Any) -> Any:
        """An extension with other parameters, the others as they were."""
        return self.taken(self.call("PUT", f"/client/{client_id}/extension/{id}", data), 200)

    def delete_extension(self, client_id: str, id: str) -> None:
        """Delete an extension; nothing must come back."""
        answer = self.call("DELETE", f"/client/{client_id}/extension/{id}")
        assert (204, b"") == (answer.status, answer.body)

    def add_event(self, client_id: str, url: str, event_type: str) -> Any:
        """A new web hook."""
        data = {"url": url, "method": "POST", "event_type": event_type}
        return self.taken(self.call("POST", f"/client/{client_id}/event/", data), 201)

    def history(self, client_id: str, start: str, end: str, per_page: int) -> Iterator[Any]:
        """All calls of a window of time, page by page by number, until a page is not full."""
        page = 1
        while True:
            words = {"start_datetime": start, "end_datetime": end, "order": "asc", "per_page": per_page, "page": page}
            found = self.taken(self.call("GET", f"/client/{client_id}/call_history/?{urlencode(words)}"), 200)
            assert (page, per_page, "asc") == (found["page"], found["per_page"], found["order"])
            yield from found["call_history"]
            if len(found["call_history"]) < per_page:
                return
            page += 1

    def sounds(self, owner: str, titles: list[str]) -> Any:
        """Recordings by several values of one word."""
        words = urlencode([("name", title) for title in titles])
        return self.taken(self.call("GET", f"{owner}/record/?{words}"), 200)

    def download(self, owner: str, record_id: str) -> bytes:
        """The sound of a recording, by the address that the server tells."""
        url = self.taken(self.call("GET", f"{owner}/record/{record_id}/storage_url/"), 200)["record_url"]
        parts = urlsplit(url)
        assert parts.netloc == urlsplit(self.wire.url).netloc
        answer = self.wire.send("GET", parts.path, Authorization=f"{self.scheme} {self.token}")
        assert 200 == answer.status
        return answer.body


class OtherGo(_Client):
    """The other one in Go: token parameters in the query of a request without a body, two slashes after the version."""

    agent = "Go-http-client/1.1"
    version = "/api/ver1.0/"

    def ask_for_token(self, parameters: dict[str, str]) -> Answer:
        """The answer to parameters in the query, with a content type, and a length of nothing."""
        return self.wire.send(
            "POST", f"/oauth/token?{urlencode(parameters)}", None, Content_Type=FORM, Content_Length="0"
        )

    def user(self) -> Any:
        """Who it is, without the slash that should be there."""
        return self.taken(self.call("GET", "/user"), 200)

    def extension(self, id: str) -> Any:
        """One extension."""
        return self.taken(self.call("GET", f"/extension/{id}"), 200)

    def phones(self, client_id: str) -> Any:
        """What belongs to a client, without the slash."""
        return self.taken(self.call("GET", f"/client/{client_id}/phone"), 200)

    def add_event(self, client_id: str, url: str) -> Any:
        """A new web hook, at a list without the slash."""
        data = {"url": url, "method": "GET", "event_type": "dial-in"}
        return self.taken(self.call("POST", f"/client/{client_id}/event", data), 201)


class Php(_Client):
    """The client in PHP: token parameters as an array, which goes out as multipart; follows redirects; many slashes."""

    agent = "Guzzle/7"

    def ask_for_token(self, parameters: dict[str, str]) -> Answer:
        """The answer to parameters in the parts of a form, each said to be so long."""
        line = "------------------------d74496d66958873e"
        parts = [
            f'--{line}\r\nContent-Disposition: form-data; name="{name}"\r\n'
            f"Content-Length: {len(value)}\r\n\r\n{value}\r\n"
            for name, value in parameters.items()
        ]
        body = "".join([*parts, f"--{line}--\r\n"]).encode()
        content_type = f"multipart/form-data; boundary={line}"
        return self.wire.send("POST", "/oauth/token", body, Content_Type=content_type, Expect="")

    def call(self, method: str, path: str, data: Any = None, **fields: str) -> Answer:
        """The answer to a request with the token, where redirects lead."""
        answer = super().call(method, path, data, **fields)
        for _ in range(_FOLLOWED):
            if answer.status not in (301, 302, 307, 308):
                return answer
            target = urlsplit(answer.headers["location"])
            answer = super().call(method, target.path.removeprefix(self.version) + f"?{target.query}", data, **fields)
        raise AssertionError("the server leads round and round")

    def client(self, id: str) -> Any:
        """One client, with a slash that should not be there."""
        return self.taken(self.call("GET", f"/client/{id}/"), 200)

    def extension(self, owner: str, id: str) -> Any:
        """One extension, with the slash too."""
        return self.taken(self.call("GET", f"{owner}/extension/{id}/"), 200)

    def change_extension(self, owner: str, id: str, data: Any) -> Any:
        """An extension with other parameters, with the slash too."""
        return self.taken(self.call("PUT", f"{owner}/extension/{id}/", data), 200)

    def calls(self, owner: str, start: str, count: int) -> Iterator[Any]:
        """The calls since a time, window after window: from the last one on, so that what comes twice is left out."""
        seen: set[str] = set()
        while True:
            words = {"start_datetime": start, "order": "asc", "count": count}
            found = [
                row
                for row in self.taken(self.call("GET", f"{owner}/cdr?{urlencode(words)}"), 200)
                if row["id"] not in seen
            ]
            if not found:
                return
            yield from found
            seen |= {row["id"] for row in found}
            start = found[-1]["init_time_gmt"]


class Tool(_Client):
    """The tool in JavaScript: token parameters in the query, and a new token when the old one is `Unauthorized`."""

    agent = "axios/0.21"

    def ask_for_token(self, parameters: dict[str, str]) -> Answer:
        """The answer to parameters in the query, without a word of a body."""
        target = f"/oauth/token?{urlencode(parameters)}"
        return self.wire.send("POST", target, Accept="application/json, text/plain, */*")

    def get(self, path: str) -> Any:
        """What a path answers with; after `Unauthorized`, once more with another token."""
        accept = "application/json, text/plain, */*"
        answer = self.call("GET", path, Accept=accept)
        if answer.status == 401 and answer.json().get("message") == "Unauthorized":
            self.log_in()
            answer = self.call("GET", path, Accept=accept)
        return self.taken(answer, 200)

    def add(self, path: str, data: Any) -> Any:
        """Something new, which must be 201, and is read again at the place where it is said to be."""
        answer = self.call("POST", path, data)
        made = self.taken(answer, 201)
        place = answer.headers["location"].removeprefix(self.version)
        assert made == self.get(place)
        return made
