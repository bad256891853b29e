"""`crossbar token`: log in on a running server."""

from __future__ import annotations

import sys

import orjson
import rich_click as click

from ..passwords import wire_credentials
from .output import Failure, echo
from .remote import Remote, url_option


@click.command("token", short_help="Log in on a running server.")
@url_option
@click.option("--account", metavar="NAME", help="The account's name.")
@click.option("--user", metavar="NAME", help="The user's name.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, and do not ask for it.")
@click.option("--api-key-stdin", is_flag=True, help="Log in as an account, with the API key on standard input.")
def command(url: str, account: str | None, user: str | None, password_stdin: bool, api_key_stdin: bool) -> None:
    """Log in on a running server, print the token, and remember it for `crossbar call`.

    The password is asked for on the terminal; neither it nor an API key can be an argument, where others could see it.

    Examples:
        crossbar token --account demo --user admin
        crossbar token --account demo --user admin --password-stdin < password.txt
        TOKEN=$(crossbar token --api-key-stdin < api_key.txt)

    Exit codes:
        0  logged in
        1  the server refused
        2  the arguments are wrong
        3  no server answers there
    """
    if api_key_stdin:
        noun, data = "api_auth", {"api_key": _line()}
    else:
        if account is None or user is None:
            raise click.UsageError("Name both --account and --user, or use --api-key-stdin.")
        credentials, _ = wire_credentials(user, _line() if password_stdin else _asked(user, account))
        noun, data = "user_auth", {"credentials": credentials, "account_name": account}
    remote = Remote(url)
    response = remote.ask("PUT", noun, orjson.dumps({"data": data}), {"x-auth-token": ""})
    token = response.envelope().get("auth_token")
    if response.status == 401:
        wrong = "the API key is unknown" if api_key_stdin else "account, user or password is wrong"
        raise Failure(f"{remote.url} refused the login: {wrong}, or switched off")
    if not token:
        raise Failure(f"{remote.url} answered {response.status} without a token; is it a Crossbar server?")
    echo(token)


def _line() -> str:
    """The first line of standard input."""
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Failure("standard input is empty; the secret must be its first line", 2)
    return line


def _asked(user: str, account: str) -> str:
    if not sys.stdin.isatty():
        raise Failure("there is no terminal to ask for the password on; hand it over with --password-stdin", 2)
    password: str = click.prompt(f"Password of {user} in {account}", hide_input=True, err=True)
    return password
