"""`crossbar key`: an API key for the gateway, and the line of the settings by which it is known."""

from __future__ import annotations

import re
import secrets
import sys
from hashlib import sha256

import rich_click as click

from .output import Failure, echo, print_json

PREFIX = "cb_"
"""What a key of ours begins with, so that people and scanners see what it is."""
SHORTEST = 16
"""Characters of a key that somebody else made: its hash is quick to compute, so that a shorter one could be guessed."""
_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@click.command("key", short_help="Make an API key for the gateway.")
@click.option("--id", metavar="ID", help="What the key is called; made of its hash if this is not given.")
@click.option("--account", metavar="ACCOUNT", default="", help="The id of the account that its requests are for.")
@click.option("--hash", "hashed", is_flag=True, help="Make none, but read a key from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print one object instead.")
def command(id: str | None, account: str, hashed: bool, as_json: bool) -> None:
    """Make an API key for the gateway, and print it with its line for the settings.

    The key is shown this once. The line belongs into the list `keys` of a table [provider.NAME], and says no more of
    the key than its hash.

    Examples:
        crossbar key --id acme --account 4f2a
        crossbar key --id acme --hash < key.txt

    Exit codes:
        0  printed
        2  the arguments are wrong, or what was read is no key
    """
    if id is not None and not _ID.fullmatch(id):
        raise click.UsageError("--id is a lower-case letter, and up to 31 more, digits, '-' and '_'.")
    if not account.isprintable():
        raise click.UsageError("--account has characters that cannot be printed.")
    key = _read() if hashed else PREFIX + secrets.token_urlsafe(32)
    digest = sha256(key.encode()).hexdigest()
    told = {"id": id or f"key-{digest[:8]}", "sha256": digest} | ({"account": account} if account else {})
    line = f"{{ {', '.join(f'{name} = {_quoted(value)}' for name, value in told.items())} }},"
    if as_json:
        print_json({**({} if hashed else {"key": key}), **told, "toml": line})
        return
    if not hashed:
        echo(key)
    echo(line)


def _read() -> str:
    """The first line of standard input, as a key."""
    key = sys.stdin.readline().rstrip("\r\n")
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise Failure("what standard input begins with is no key: its first line must be one, of printable ASCII", 2)
    if len(key) < SHORTEST:
        raise Failure(f"the key has {len(key)} characters and could be guessed; take {SHORTEST} or more, by chance", 2)
    return key


def _quoted(text: str) -> str:
    """A text as TOML has it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
