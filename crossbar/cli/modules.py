"""`crossbar modules`: which plugins there are, where from and in what state, and changing that while they serve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from ..settings import Settings
from . import admin
from .assembly import assemble_unopened, config_option, load_settings
from .facts import facts_of
from .output import Failure, echo, on_terminal, print_json, print_table

port_option = click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="The port of the server, 8000 unless set."
)


@click.group("modules", invoke_without_command=True, short_help="List the modules; reload, stop or start one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of objects.")
@click.option("--running", is_flag=True, help="Ask the running server, and not the files.")
@port_option
@config_option
@click.pass_context
def command(ctx: click.Context, as_json: bool, running: bool, port: int | None, config: str | None) -> None:
    """List the modules and other plugins: name, state, version, what they offer, where each comes from, and why not.

    A plugin is `ok`, `out of order` (with the fault; the noun of an endpoint answers 503), `previous version` (the
    new one has the fault), `stopped` or `disabled`.

    Examples:
        crossbar modules
        CROSSBAR__MODULES__FOLDER=my_modules crossbar modules --json
        crossbar modules --running
        crossbar modules reload sensors

    Exit codes:
        0  they are listed, also those that are out of order
        2  the settings or options are wrong
        3  no server runs there (--running)
    """
    settings = load_settings(config, {"server.port": port})
    ctx.obj = settings
    if ctx.invoked_subcommand is not None:
        return
    told = _running(settings) if running else _assembled(settings)
    if as_json:
        print_json(told)
        return
    columns = ("Module", "State", "Version", "Offers", "Origin")
    print_table(columns, (_row(one) for one in told))
    faults = [f"{one['name']}: {one['fault']}" for one in told if one["fault"]]
    for fault in ["", *faults] if faults else []:
        echo(fault)
    if on_terminal():
        echo(f"\n{len(told)} plugins, {len(faults)} out of order")


def _row(one: dict[str, Any]) -> Sequence[str]:
    what = one["name"] if one["socket"] == "endpoints" else f"{one['name']} ({one['socket']})"
    return (what, one["state"], one["version"] or "-", ", ".join(one["offers"]), one["origin"])


def _assembled(settings: Settings) -> list[dict[str, Any]]:
    """What a server with these settings would have, sorted by name."""
    app, _ = assemble_unopened(settings)
    return sorted(map(facts_of, app.plugins.plugins), key=lambda one: one["name"])


def _running(settings: Settings) -> list[dict[str, Any]]:
    """What the first process of the running server has, sorted by name."""
    answer = next(admin.ask(folder_in(settings), {"do": "list"}))
    return sorted(answer["modules"], key=lambda one: str(one["name"]))


@command.command("reload", short_help="Load a module anew in a running server.")
@click.argument("name", default="")
@click.pass_obj
def reload(settings: Settings, name: str) -> None:
    """Load the module NAME anew in every process of the running server, from the file or package that it comes from.

    Requests under way end with the old version, those that come later see the new one. If it cannot be loaded, the old
    version goes on. Without NAME, the whole modules folder is gone through: new, changed and removed files.

    Examples:
        crossbar modules reload sensors
        crossbar modules --port 9000 reload

    Exit codes:
        0  every process has the new version
        1  it could not be loaded; the old version serves
        2  the settings or options are wrong
        3  no server runs there
    """
    _do(settings, "reload", name)


@command.command("stop", short_help="Take a module of a running server out of service.")
@click.argument("name")
@click.pass_obj
def stop(settings: Settings, name: str) -> None:
    """Take the module NAME out of service in every process of the running server: its noun answers 503.

    It stays so until `crossbar modules start NAME`, or until the server is started again.

    Examples:
        crossbar modules stop sensors

    Exit codes:
        0  it is stopped
        1  it cannot be stopped
        2  the settings or options are wrong
        3  no server runs there
    """
    _do(settings, "stop", name)


@command.command("start", short_help="Take a stopped module into service again.")
@click.argument("name")
@click.pass_obj
def start(settings: Settings, name: str) -> None:
    """Take the module NAME into service again in every process of the running server.

    One that is out of order is loaded anew.

    Examples:
        crossbar modules start sensors

    Exit codes:
        0  it runs
        1  it cannot be started
        2  the settings or options are wrong
        3  no server runs there
    """
    _do(settings, "start", name)


def _do(settings: Settings, what: str, name: str) -> None:
    """Have every process do it, and say what became of it in each; what the first refuses, no other is asked."""
    for answer in admin.ask(folder_in(settings), {"do": what, "name": name}):
        process = f"process {answer['pid']}"
        for module, did, why in answer.get("outcomes", ()):
            echo(f"{process}: {module} {did}" + (f": {why}" if why else ""))
        if not answer["ok"]:
            raise Failure(f"{process}: {answer.get('error', 'not everything could be loaded')}")


def folder_in(settings: Settings) -> Path:
    """The folder of the admin sockets of a server with these settings; Failure if it has none."""
    folder = admin.folder_of(settings, settings.server.port)
    if folder is None:
        raise Failure('the server has no admin address: server.admin is "off"', 2)
    return folder
