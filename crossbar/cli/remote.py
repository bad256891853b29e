"""A running server as `crossbar call` and `crossbar token` see it, and the tokens that they remember."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import orjson
import rich_click as click

from ..target import is_version
from .assembly import Command
from .output import Failure

UNREACHABLE = 3
_SECONDS = 60
_LOGINS = ("user_auth", "api_auth")
# What stands at the root of a server beside the versions of Crossbar's dialect.
_ROOTS = ("livez", "readyz", "restapi", "api")


def url_option(command: Command) -> Command:
    """Give a command the option `--url`."""
    return click.option(
        "--url",
        default="http://127.0.0.1:8000",
        show_default=True,
        envvar="CROSSBAR_URL",
        metavar="URL",
        help="The server.",
    )(command)


class Response(NamedTuple):
    """What the server answered; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def envelope(self) -> dict[str, Any]:
        """The JSON object in the body, empty if there is none."""
        with suppress(orjson.JSONDecodeError):
            found = orjson.loads(self.body)
            if isinstance(found, dict):
                return found
        return {}


class Remote:
    """A server at a URL. Tokens that it gives out are remembered, and go along with later requests."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Failure(f"{url!r} is no address of a server: write one such as http://127.0.0.1:8000", 2)
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._prefix = parts.path.rstrip("/")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        try:
            self._connection = kind(parts.hostname, parts.port, timeout=_SECONDS)
        except ValueError as error:
            raise Failure(f"{url!r}: {error}", 2) from None

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        """Send one request; Failure with exit code 3 if nobody answers. An empty header field is left out."""
        sent = {name.lower(): value for name, value in headers.items()}
        token = remembered(self.url)
        if token is not None:
            sent.setdefault("x-auth-token", token)
        if body is not None:
            sent.setdefault("content-type", "application/json")
        target = self._prefix + path_of(path)
        try:
            self._connection.request(method, target, body, {name: value for name, value in sent.items() if value})
            answer = self._connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            response = Response(answer.status, names, answer.read())
        except (OSError, HTTPException, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Failure(
                f"no server answers at {self.url} ({why}): start one with `crossbar run`, or name another with --url",
                UNREACHABLE,
            ) from None
        finally:
            self._connection.close()
        self._remember(method, target, response)
        return response

    def _remember(self, method: str, target: str, response: Response) -> None:
        """Keep the token of a login, forget one that was given up."""
        noun = target.partition("?")[0].rstrip("/").rpartition("/")[2]
        if not 200 <= response.status < 300:
            return
        if noun in _LOGINS and response.envelope().get("auth_token"):
            _keep(self.url, response.envelope()["auth_token"])
        elif noun == "token_auth" and method == "DELETE":
            _keep(self.url, None)


def path_of(path: str) -> str:
    """The path as the server knows it: `accounts/A` is `/v2/accounts/A`."""
    path = path.lstrip("/")
    first = path.partition("/")[0].partition("?")[0]
    if not (is_version(first) or first in _ROOTS):
        path = f"v2/{path}"
    return "/" + quote(path, safe="/%?&=:@!$'()*+,;~#[]")


def remembered(url: str) -> str | None:
    """The token that the server at this URL gave out last."""
    return _tokens().get(url)


def token_file() -> Path:
    """Where tokens are remembered."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "crossbar" / "tokens.json"


def _tokens() -> dict[str, str]:
    try:
        found = orjson.loads(token_file().read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _keep(url: str, token: str | None) -> None:
    """Write the tokens anew, readable by nobody else at any moment."""
    tokens = _tokens() | {url: token or ""}
    path = token_file()
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps({url: token for url, token in tokens.items() if token}))
        new.replace(path)
    except OSError as error:
        raise Failure(f"cannot remember the token in {path}: {error.strerror}; set XDG_STATE_HOME elsewhere") from None
