"""`crossbar modules`: which endpoint modules there are, where from, and in what state."""

from __future__ import annotations

from typing import Any

import rich_click as click

from ..registry import Entry
from .assembly import assemble_unopened, config_option, load_settings
from .output import echo, first_sentence, on_terminal, print_json, print_table


@click.command("modules", short_help="List the endpoint modules and their state.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of objects.")
@config_option
def command(as_json: bool, config: str | None) -> None:
    """List the endpoint modules: name, state, what they offer, and the file that each comes from.

    A module is `ok`, `out of order` (with the fault; its noun answers 503) or `disabled`.

    Examples:
        crossbar modules
        CROSSBAR__MODULES__FOLDER=my_modules crossbar modules --json

    Exit codes:
        0  they are listed, also those that are out of order
        2  the settings or options are wrong
    """
    settings = load_settings(config)
    app, faults = assemble_unopened(settings)
    told = [_told(entry) for entry in app.registry]
    told += [{"name": name, "state": "disabled"} for name in settings.modules.disabled]
    if as_json:
        print_json(told)
        return
    rows = [(one["name"], one["state"], ", ".join(one.get("offers", ())), one.get("origin", "")) for one in told]
    print_table(("Module", "State", "Offers", "Origin"), rows)
    if faults:
        echo()
        for fault in faults:
            echo(fault)
    if on_terminal():
        echo(f"\n{len(app.registry)} modules, {len(faults)} out of order")


def _told(entry: Entry) -> dict[str, Any]:
    """What is known of one module."""
    offers = [] if entry.fault else [route.name for route in entry.endpoint.routes]
    about = {"name": entry.name, "state": "out of order" if entry.fault else "ok", "origin": entry.origin}
    return about | {"offers": offers, "fault": entry.fault, "about": first_sentence(type(entry.endpoint))}
