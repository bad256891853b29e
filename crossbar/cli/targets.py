"""`crossbar targets`: the upstreams of a running gateway, and how their targets are."""

from __future__ import annotations

import rich_click as click

from . import admin
from .assembly import config_option, load_settings
from .modules import folder_in, port_option
from .output import print_json, print_table


@click.command("targets", short_help="Show how the targets of a running gateway are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of objects.")
@port_option
@config_option
def command(as_json: bool, port: int | None, config: str | None) -> None:
    """Show the targets of every upstream as each process of a running server sees them.

    A target is `ok`, `ejected` (for so many seconds, after failures in a row) or `sick` (by its health checks).

    Examples:
        crossbar targets
        crossbar targets --port 9000 --json

    Exit codes:
        0  they are shown
        2  the settings or options are wrong
        3  no server runs there
    """
    folder = folder_in(load_settings(config, {"server.port": port}, lenient=True))
    told = [
        {"process": answer["pid"], **state}
        for answer in admin.ask(folder, {"do": "targets"})
        for state in answer["targets"]
    ]
    if as_json:
        print_json(told)
        return
    rows = (
        (
            str(one["process"]),
            one["upstream"],
            one["target"],
            one["state"] + (f" for {one['until']:.0f} s" if one["until"] else ""),
            str(one["active"]),
            one["why"] or "-",
        )
        for one in told
    )
    print_table(("Process", "Upstream", "Target", "State", "Active", "Last failure"), rows)
