"""`crossbar explain`: what a method and a URI lead to, without doing it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import rich_click as click

from ..app import Crossbar
from ..explain import explain
from . import admin
from .assembly import assemble_unopened, config_option, load_settings
from .explained import Told, explained, print_explained
from .modules import folder_in, port_option
from .output import print_json


@click.command("explain", short_help="Show how a method and a URI are understood.")
@click.argument("method")
@click.argument("uri", required=False)
@click.option("--header", "fields", multiple=True, metavar="NAME:VALUE", help="A header field; may be repeated.")
@click.option(
    "--as", "who", default="", metavar="WHO", help="Who asks a route of the gateway: anonymous, key:ID, account:ID."
)
@click.option("--live", is_flag=True, help="Ask the running server, which knows how targets are.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@port_option
@config_option
def command(
    method: str,
    uri: str | None,
    fields: tuple[str, ...],
    who: str,
    live: bool,
    as_json: bool,
    port: int | None,
    config: str | None,
) -> None:
    """Show how METHOD and URI are understood, in whatever dialect: the reading of the URI, then each stage of the walk.

    Nothing is executed and no store is opened. Somebody is assumed to be logged in, and all documents to exist;
    `account`, `~` and `@me` show as {account} or {user}. The status is the one that all of this leads to.

    For a route of the gateway, it names the upstream, its targets, and exactly what each of them would get. --as tells
    whether its rule lets somebody in; --header Host:NAME and --header Upgrade:websocket count. --live asks the server
    that runs, with the configuration and the modules that it has now.

    With - in the place of both, lines `METHOD URI` are read from standard input, and a JSON object is printed for each.

    Examples:
        crossbar explain GET /v2/accounts/ACCOUNT_ID/devices/DEVICE_ID
        crossbar explain POST "/v2/account/devices?verb=PUT" --json
        crossbar explain GET "/restapi/v1.0/account/~/extension/~/message-store?messageType=SMS"
        crossbar explain GET /api/ver1.0/extension/@101/phone/
        crossbar explain GET /reports/today --as key:acme --live --config gateway.toml
        crossbar explain - < requests.txt

    Exit codes:
        0  it was explained, whatever the status
        2  the settings or arguments are wrong
        3  no server runs there (--live)
    """
    if uri is None and method != "-":
        raise click.UsageError("Write a method and a URI, such as GET /v2/about, or - to read such lines.")
    asked = {"method": method, "uri": uri, "headers": dict(map(_header, fields)), "as": who}
    settings = load_settings(config, {"server.port": port}, lenient=live)
    if uri is None:
        _explain_lines(assemble_unopened(settings)[0], sys.stdin.buffer, sys.stdout.buffer)
        return
    try:
        told = _running(folder_in(settings), asked) if live else explained(assemble_unopened(settings)[0], asked)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    if as_json:
        print_json(told["json"])
    else:
        print_explained(told)


def _header(text: str) -> tuple[str, str]:
    """A header field as it is written on the command line."""
    name, colon, value = text.partition(":")
    if not name or not colon:
        raise click.BadParameter(f"{text!r}: write NAME:VALUE", param_hint="--header")
    return name.strip(), value.strip()


def _explain_lines(app: Crossbar, lines: BinaryIO, out: BinaryIO) -> None:
    """Answer each line with a line, at once, so that a program can hold a conversation. Blank lines are passed over."""
    for line in lines:
        method, _, uri = line.strip().decode(errors="surrogateescape").partition(" ")
        if method:
            out.write(orjson.dumps(explain(app, method, uri.strip()).as_json(), option=orjson.OPT_APPEND_NEWLINE))
            out.flush()


def _running(folder: Path, asked: dict[str, Any]) -> Told:
    """What the first process of the running server says; each of the others that has sick targets is told of."""
    answers = [*admin.ask(folder, {"do": "explain", **asked})]
    for answer in answers:
        if not answer["ok"]:
            raise ValueError(answer["error"])
    first: Told = answers[0]["explained"]
    for answer in answers[1:]:
        first["lines"] += [
            f"process {answer['pid']}: {name}: {text}"
            for name, text in answer["explained"]["facts"]
            if name == "Upstream" and [name, text] not in first["facts"]
        ]
    return first
