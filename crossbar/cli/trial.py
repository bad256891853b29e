"""The demo data as `crossbar run` sees it: loaded where it is wanted, kept from strangers, and how to try it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..app import Crossbar
from ..demo import DEMO_ACCOUNT, DEMO_PASSWORD, DEMO_USER, Recipe, load_recipe
from ..demo.loading import NotLoaded, demo_of, has_accounts, password_is_known
from ..demo.upstreams import gateway_file, is_demo_gateway
from ..passwords import wire_credentials
from ..settings import Route
from .demo import load
from .output import echo

PARTNER_KEY = "demo-partner-key"
"""The API key of the demo gateway; `gateway.toml` has its hash."""


async def demo_login_works(app: Crossbar, recipe: Recipe | None = None) -> bool:
    """Whether the demo's login works, after the demo data was loaded if the store has no accounts; says why not."""
    demo = await demo_of(app.store)
    if demo is None and await has_accounts(app.store):
        echo("The store holds accounts of its own, so no demo data was loaded.\n", err=True)
        return False
    if demo is None or not demo.complete:
        await load(app, recipe or load_recipe())
        return True
    if not await password_is_known(app.store, app.hasher, demo):
        echo(f"The demo's user {DEMO_USER} has a password of its own by now.\n", err=True)
        return False
    return True


async def refuse_strangers(app: Crossbar, *, demo: bool) -> None:
    """Raise NotLoaded if others than this machine could log in with the password that everybody knows."""
    found = await demo_of(app.store)
    known = demo and not await has_accounts(app.store)
    if known or (found is not None and await password_is_known(app.store, app.hasher, found)):
        raise NotLoaded(
            f"the demo data comes with a login that everybody knows, so it is served on loopback only: change the "
            f"password of its user {DEMO_USER}, or listen on 127.0.0.1"
        )


def demo_greeting(url: str | None, routes: Sequence[Route] = ()) -> str:
    """The login of the demo data, and three lines to paste into a shell, one after the other.

    Without a `url` Crossbar's own dialect, which they are in, is not mounted: then that is said in their place. Where
    the routes are those of the demo gateway, there are lines for them too.
    """
    login = f"Demo data: account {DEMO_ACCOUNT}, user {DEMO_USER}, password {DEMO_PASSWORD}."
    if url is None:
        return f"{login} Lines to try it with are in the dialect crossbar alone, which is not mounted.\n"
    lines = "\n\n".join(curl_lines(url))
    told = f"{login} Paste these into another shell, in order:\n\n{lines}\n"
    if not is_demo_gateway(routes):
        return told
    lines = "\n\n".join(gateway_lines(url))
    return f"{told}\nAnd these go through the gateway, to the services behind it:\n\n{lines}\n"


def curl_lines(url: str) -> Iterator[str]:
    """Log in and keep token and account; show a page of call records; make a device."""
    credentials, _ = wire_credentials(DEMO_USER, DEMO_PASSWORD)
    login = f'{{"data":{{"credentials":"{credentials}","account_name":"{DEMO_ACCOUNT}"}}}}'
    account = f"{url}/v2/accounts/$ACCOUNT"
    token = '-H "X-Auth-Token: $TOKEN"'
    json = "-H 'Content-Type: application/json'"
    # NOTE: the shell evaluates nothing but these two assignments, made of letters, digits, `.`, `_` and `-`.
    kept = r"""sed -n 's/.*"account_id":"\([0-9a-f]*\)".*"auth_token":"\([A-Za-z0-9._-]*\)".*/ACCOUNT=\1 TOKEN=\2/p'"""
    device = """-d '{"data":{"name":"Front desk"}}'"""
    yield f"eval \"$(curl -s -X PUT {url}/v2/user_auth {json} -d '{login}' | {kept})\""
    # NOTE: -w ends the answer's line, so that the prompt comes back on one of its own.
    yield rf"curl -sw '\n' {token} " + f'"{account}/cdrs?page_size=3&pretty_print=true"'
    yield rf"curl -sw '\n' -X PUT {token} {json} {device} " + f'"{account}/devices?pretty_print=true"'


def gateway_lines(url: str) -> Iterator[str]:
    """Ask each route of the demo gateway, and what it tells of itself; the first line of `curl_lines` comes before."""
    account = f"{url}/v2/accounts/$ACCOUNT"
    token = '-H "X-Auth-Token: $TOKEN"'
    yield "# an invoice, in the envelope\n" + rf"curl -sw '\n' {token} " + f'"{account}/invoices/1001"'
    yield "# the first bytes of its paper\n" + rf"curl -sw '\n' -r 0-7 {token} " + f'"{account}/invoices/1001/pdf"'
    yield "# service and module in one answer\n" + rf"curl -sw '\n' {token} " + f'"{account}/dashboard"'
    yield "# what a service sees of a request\n" + rf"curl -sw '\n' -d hello {url}/echo/say"
    yield f'# a stream of events\ncurl -sN "{url}/echo/events?count=3&every=300"'
    yield "# what an API key opens\n" + rf"curl -sw '\n' -H 'X-API-Key: {PARTNER_KEY}' {url}/reports/totals"
    yield "# and nobody without one: 401\n" + rf"curl -sw '\n' {url}/reports/totals"
    # NOTE: all of it is read, so that curl has nothing to complain of.
    yield f"# what was counted of all this\ncurl -s {url}/metrics | grep '^http_server_request.*_count' | head"
    own = sys.argv[0] if Path(sys.argv[0]).name == "crossbar" else f"{sys.executable} -m crossbar"
    config = shlex.quote(str(gateway_file()))
    told = "# what becomes of a request, without one\n"
    yield f"{told}{own} explain GET /v2/accounts/$ACCOUNT/invoices/1001 --config {config}"
