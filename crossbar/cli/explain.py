"""`crossbar explain`: what a method and a URI lead to, without doing it."""

from __future__ import annotations

import sys
from typing import BinaryIO

import orjson
import rich_click as click

from ..app import Crossbar
from ..dialects.crossbar import CrossbarDialect
from ..explain import Explanation, explain
from .assembly import assemble_unopened, config_option, load_settings
from .output import echo, print_json, print_table


@click.command("explain", short_help="Show how a method and a URI are understood.")
@click.argument("method")
@click.argument("uri", required=False)
@click.option("--header", "fields", multiple=True, metavar="NAME:VALUE", help="A header field; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_option
def command(method: str, uri: str | None, fields: tuple[str, ...], as_json: bool, config: str | None) -> None:
    """Show how METHOD and URI are understood, in whatever dialect: the reading of the URI, then each stage of the walk.

    Nothing is executed and no store is opened. Somebody is assumed to be logged in, and all documents to exist;
    `account`, `~` and `@me` show as {account} or {user}. The status is the one that all of this leads to.

    With - in the place of both, lines `METHOD URI` are read from standard input, and a JSON object is printed for each.

    Examples:
        crossbar explain GET /v2/accounts/ACCOUNT_ID/devices/DEVICE_ID
        crossbar explain POST "/v2/account/devices?verb=PUT" --json
        crossbar explain GET "/restapi/v1.0/account/~/extension/~/message-store?messageType=SMS"
        crossbar explain GET /api/ver1.0/extension/@101/phone/
        crossbar explain - < requests.txt

    Exit codes:
        0  it was explained, whatever the status
        2  the settings or arguments are wrong
    """
    if uri is None and method != "-":
        raise click.UsageError("Write a method and a URI, such as GET /v2/about, or - to read such lines.")
    headers = dict(map(_header, fields))
    app, _ = assemble_unopened(load_settings(config))
    if uri is None:
        _explain_lines(app, sys.stdin.buffer, sys.stdout.buffer)
        return
    explanation = explain(app, method, uri, headers)
    if as_json:
        print_json(explanation.as_json())
    else:
        _print(explanation)


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


def _print(explanation: Explanation) -> None:
    """The steps, for Crossbar's dialect in the form of Kazoo's documentation, then the walk."""
    from .reading import reading_steps
    from .walk import findings, parsing_steps

    if not explanation.dialect:
        echo("  It is a health check, which is answered beside all dialects, whoever asks.\n")
        echo(f"{explanation.status}  {explanation.method} {explanation.uri}")
        return
    own = isinstance(explanation.context.dialect, CrossbarDialect)
    for number, step in enumerate((parsing_steps if own else reading_steps)(explanation), 1):
        echo(f"  {number}. {step.says}")
        for name, fact in step.facts:
            echo(f"    • {name}: {fact}")
    echo()
    print_table(("Stage", "Asks", "Finds"), findings(explanation))
    echo()
    for part in explanation.parts:
        echo(f"{part.status}  {part.method} {part.uri}")
    subject = f"{explanation.endpoint}.{explanation.operation}" if explanation.operation else explanation.message
    echo(f"{explanation.status}  {explanation.method} {explanation.uri}  {subject or ''}".rstrip())
