"""`crossbar reload`: another configuration for a running server, at once and without dropping a request."""

from __future__ import annotations

import rich_click as click

from . import admin
from .assembly import config_option, load_settings
from .modules import folder_in, port_option
from .output import Failure, echo, print_json


@click.command("reload", short_help="Have a running server take over its changed configuration.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: `changes`, `later` and the number of `processes`.")
@port_option
@config_option
def command(as_json: bool, port: int | None, config: str | None) -> None:
    """Have a running server read its configuration file again, and take over what changed of its gateway.

    That are the tables [gateway], [upstream.*], [provider.*] and [[route]]. Requests and WebSockets under way end with
    what they began with; upstreams that did not change keep their connections. All other settings wait for the next
    start, and are named.

    Every process of the server tries the file first. If one of them finds a fault, the old configuration goes on in all
    of them. The file, the environment and the options are those that the server was started with; --config and --port
    only say which server is meant.

    Examples:
        crossbar reload
        crossbar reload --config gateway.toml

    Exit codes:
        0  every process has the new configuration, or nothing had changed
        1  the configuration has faults; the old one goes on
        2  the settings or options are wrong
        3  no server runs there
    """
    folder = folder_in(load_settings(config, {"server.port": port}, lenient=True))
    tried = [*admin.ask(folder, {"do": "try"})]
    for answer in tried:
        if not answer["ok"]:
            faults = answer["faults"]
            raise Failure("\n  ".join(["the old configuration goes on; the new one has faults:", *faults]), 1, faults)
    first = tried[0]
    if first["changes"]:
        for answer in admin.ask(folder, {"do": "configure", "name": first["digest"]}):
            if not answer["ok"]:
                raise Failure(f"process {answer['pid']}: {'; '.join(answer['faults'])}")
    if as_json:
        print_json({"changes": first["changes"], "later": first["later"], "processes": len(tried)})
        return
    for change in first["changes"]:
        echo(change)
    for table in first["later"]:
        echo(f"{table}: waits for the next start")
    if not first["changes"]:
        echo("nothing has changed")
