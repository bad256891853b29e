"""`crossbar call`: send one request to a running server and show the answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson
import rich_click as click

from .output import Failure, echo, on_terminal, print_json
from .remote import Remote, Response, path_of, url_option

# What helps after a refusal, by status.
WAYS_OUT = {
    400: "the answer says what is wrong with the request",
    401: "log in first: crossbar token --account NAME --user NAME",
    403: "ask as somebody who may; `crossbar call GET token_auth` shows who you are",
    404: "`crossbar explain {method} {path}` shows how the path is read, `crossbar routes` what there is",
    405: "this path answers to {allow}",
    406: "ask for another type with --header accept:TYPE",
    409: "read it again, and repeat the change",
    413: "send less at once",
    415: "send JSON",
    500: "the server's log has the traceback under the request id {request_id}",
    503: "try again in a moment; `crossbar call GET readyz` says how the server is",
}


@click.command("call", short_help="Send a request to a running server.")
@click.argument("method")
@click.argument("path")
@click.argument("data", required=False)
@url_option
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header field; may be repeated.")
@click.option("--raw", is_flag=True, help="Print the body as it came, byte for byte.")
def command(method: str, path: str, data: str | None, url: str, headers: tuple[str, ...], raw: bool) -> None:
    """Send METHOD PATH to a running server and print the answer.

    PATH may leave out /v2, and `account/...` is your own account. DATA is JSON, @FILE, or - for standard input; it is
    put into an envelope, unless it has a `data` of its own.

    The token of the last login goes along (see `crossbar token`; a PUT to user_auth or api_auth is remembered too).
    Tokens lie in $XDG_STATE_HOME/crossbar/tokens.json, which only you can read; on a terminal, answers show none.

    Examples:
        crossbar call GET account/devices
        crossbar call PUT account/devices '{"name": "Front desk"}'
        crossbar call PATCH account/devices/ID @changes.json
        crossbar call GET account/cdrs --header accept:text/csv > cdrs.csv

    Exit codes:
        0  the server did it (2xx)
        1  the server refused (4xx, 5xx); the answer is printed all the same
        2  the arguments are wrong
        3  no server answers there
    """
    method = method.upper()
    response = Remote(url).ask(method, path, _body(data), dict(map(_header, headers)))
    _print(response, raw)
    if not 200 <= response.status < 400:
        raise Failure(_refused(method, path, response))


def _body(data: str | None) -> bytes | None:
    """The request body: the data in an envelope."""
    if data is None:
        return None
    where = "DATA"
    if data == "-":
        where, text = "standard input", sys.stdin.buffer.read()
    elif data.startswith("@"):
        where = data[1:]
        try:
            text = Path(where).read_bytes()
        except OSError as error:
            raise Failure(f"cannot read {where}: {error.strerror}", 2) from None
    else:
        text = data.encode(errors="surrogateescape")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Failure(f"{where} is no JSON: {error}", 2) from None
    return text if isinstance(found, dict) and "data" in found else orjson.dumps({"data": found})


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise Failure(f"--header {text!r}: write NAME:VALUE, such as accept:text/csv", 2)
    return name.strip(), value.strip()


def _print(response: Response, raw: bool) -> None:
    """Print the body: JSON indented, all else as it is; what there is to know without one."""
    kind = response.headers.get("content-type", "")
    if raw or not response.body:
        sys.stdout.buffer.write(response.body)
        sys.stdout.buffer.flush()
        if not response.body and not raw:
            echo(" ".join(filter(None, [str(response.status), response.headers.get("allow")])))
    elif "json" in kind:
        print_json(_discreet(orjson.loads(response.body)))
    elif kind.startswith("text/"):
        echo(response.body, nl=on_terminal() and not response.body.endswith(b"\n"))
    elif on_terminal():
        echo(f"{len(response.body):,} bytes of {kind or 'an unknown type'}; send them to a file: --raw > FILE")
    else:
        sys.stdout.buffer.write(response.body)


def _discreet(answer: Any) -> Any:
    """The answer without the token that it repeats, where people look at it."""
    if on_terminal() and isinstance(answer, dict) and answer.get("auth_token"):
        return answer | {"auth_token": "***"}
    return answer


def _refused(method: str, path: str, response: Response) -> str:
    """What the server said, and what helps."""
    envelope = response.envelope()
    told = envelope.get("data")
    said = told.get("message") if isinstance(told, dict) else None
    way_out = WAYS_OUT.get(response.status) or WAYS_OUT[500 if response.status >= 500 else 400]
    helps = way_out.format(
        method=method,
        path=path_of(path),
        allow=response.headers.get("allow", "other verbs"),
        request_id=response.headers.get("x-request-id", ""),
    )
    word = " ".join(filter(None, [str(response.status), envelope.get("message")]))
    return f"the server refused ({word}): {said if isinstance(said, str) else 'see above'}; {helps}"
