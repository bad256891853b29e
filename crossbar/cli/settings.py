"""`crossbar settings`: what the store has for all processes that use it: put there, shown, taken out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from ..dates import iso
from ..errors import SettingsError
from ..settings import Settings, stored_tables
from ..stored_settings import Stored
from . import admin
from .assembly import config_option, load_settings, store_option, wrong
from .in_force import hidden
from .modules import folder_in, port_option
from .output import Failure, echo, print_json
from .storing import Changed, dropped, put_in, read
from .toml_text import toml_of

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON: `revision` and `changes`.")


@click.group("settings", short_help="Settings in the store, for all processes that use it.")
def command() -> None:
    """Settings in the store, which count more than the file, the environment and the options of a server.

    Every server process of a store, on whatever machine, takes them over within a second, without dropping a request:
    all of them, or none if it cannot, and then its log and /readyz say so. They are a TOML file with any of
    [gateway], [upstream.*], [provider.*], [[route]], [plugins.*], and `disabled` of [modules].

    Examples:
        crossbar settings put shared.toml --config crossbar.toml
        crossbar settings show --running --config crossbar.toml
        crossbar settings drop --config crossbar.toml

    Exit codes:
        0  done
        1  failed; standard error says why
        2  the configuration or the options are wrong
        3  no server runs there
    """


@command.command("put", short_help="Put settings into the store.")
@click.argument("file", metavar="FILE")
@json_option
@store_option
@config_option
def put(file: str, as_json: bool, store: str | None, config: str | None) -> None:
    """Put the settings in FILE, or on standard input if it is -, in the place of those that are in the store.

    They are checked first, with the configuration of --config below them: with any fault, nothing is stored.

    Examples:
        crossbar settings put shared.toml --config crossbar.toml
        crossbar settings put - --store sqlite:////var/lib/crossbar/crossbar.db < shared.toml

    Exit codes:
        0  they are in the store
        1  they have faults, somebody else has put others meanwhile, or the store cannot be used; nothing has changed
        2  the configuration or the options are wrong
    """
    _tell(asyncio.run(put_in(_loaded(config, store), _text(file), "standard input" if file == "-" else file)), as_json)


@command.command("drop", short_help="Take the settings out of the store.")
@json_option
@store_option
@config_option
def drop(as_json: bool, store: str | None, config: str | None) -> None:
    """Take the settings out of the store: every process goes on with its own configuration.

    Examples:
        crossbar settings drop --config crossbar.toml

    Exit codes:
        0  there are none any more
        1  somebody else has put others meanwhile, or the store cannot be used
        2  the configuration or the options are wrong
    """
    _tell(asyncio.run(dropped(_loaded(config, store))), as_json)


@command.command("show", short_help="Show the settings in the store.")
@click.option("--running", is_flag=True, help="Show which revision the processes of the running server have in force.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: `revision`, `modified`, `settings`; or the processes."
)
@port_option
@store_option
@config_option
def show(running: bool, as_json: bool, port: int | None, store: str | None, config: str | None) -> None:
    """Show the settings in the store as TOML, without passwords and secrets.

    With --running, ask each process of the running server on this machine what it has in force, and what its store has:
    --config or --port says which server.

    Examples:
        crossbar settings show --config crossbar.toml
        crossbar settings show --running --config crossbar.toml

    Exit codes:
        0  shown
        1  the store cannot be used; or a process does not have what is in the store (--running)
        2  the configuration or the options are wrong
        3  no server runs there (--running)
    """
    if running:
        settings = load_settings(config, {"store.url": store, "server.port": port}, lenient=True)
        _show_processes(settings, as_json)
    else:
        _show(asyncio.run(read(_loaded(config, store))), as_json)


def _show(stored: Stored | None, as_json: bool) -> None:
    if stored is None:
        if as_json:
            print_json(None)
        else:
            echo("there are no settings in the store")
        return
    try:
        tables = hidden(stored_tables(stored.text))
    except SettingsError as error:
        raise wrong(error) from None
    if as_json:
        print_json({"revision": stored.revision, "modified": iso(stored.modified), "settings": tables})
    else:
        echo(f"# Revision {stored.revision}, of {iso(stored.modified)}.\n{toml_of(tables)}", nl=False)


def _show_processes(settings: Settings, as_json: bool) -> None:
    found = list(admin.ask(folder_in(settings), {"do": "settings"}))
    for each in found:
        if not each["ok"]:
            raise Failure(f"process {each['pid']}: {each['error']}")
    if as_json:
        print_json([{key: each[key] for key in ("pid", "revision", "faults", "store", "stored")} for each in found])
    else:
        _print_processes(found)
    for each in found:
        if each["revision"] != each["stored"]:
            told = f"revision {each['stored']}" if each["stored"] else "nothing"
            raise Failure(f"the store {each['store']} has {told}, and not every process has that in force")


def _print_processes(found: Sequence[Mapping[str, Any]]) -> None:
    echo(f"store {found[0]['store']}")
    for each in found:
        has = f"revision {each['revision']}" if each["revision"] else "its own configuration"
        echo(f"process {each['pid']}: {has}")
        for fault in each["faults"]:
            echo(f"  {fault}")


def _text(file: str) -> str:
    """The text of the file, or on standard input."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}", 2) from None
    except UnicodeDecodeError as error:
        raise Failure(f"{file} is no text in UTF-8: {error.reason}", 2) from None


def _loaded(config: str | None, store: str | None) -> Settings:
    """The configuration; Failure if no other process would ever see what is in its store."""
    settings = load_settings(config, {"store.url": store})
    if settings.store.url.startswith("memory:"):
        raise Failure("a store in memory belongs to one process; name another one with --store or --config", 2)
    if not settings.store.settings:
        raise Failure("store.settings is false: servers with this configuration do not look at those in the store", 2)
    return settings


def _tell(found: Changed, as_json: bool) -> None:
    if as_json:
        print_json({"revision": found.revision, "changes": found.changes})
        return
    for line in found.changes or ["nothing has changed"]:
        echo(line)
    if found.unused:
        echo("no server has used this store yet: is it the one that is meant?", err=True)
