"""`crossbar store`: what a store must have before a server uses it: made, or only looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import rich_click as click

from ..settings import Settings
from .assembly import assemble, config_option, load_settings, store_option
from .output import echo, print_json, shown
from .prepared import Prepared, prepared

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: `ok`, `store`, `facts`, `places`, `faults`, `doubts`, `notes`."
)
sharding_option = click.option(
    "--sharding", is_flag=True, help="Print what a sharded cluster needs, though this may be none."
)


@click.group("store", short_help="Make ready or check the store.")
def command() -> None:
    """Make what a store must have before a server uses it, or look at what it has.

    That is what all modules of this installation need: collections and indexes in MongoDB, tables in an SQLite file. A
    server makes it too, when it starts, unless `store.mongodb.create_indexes` is off.

    Examples:
        crossbar store init --config crossbar.toml
        crossbar store check --store 'mongodb://h1,h2,h3/crossbar?replicaSet=rs0'

    Exit codes:
        0  all is there
        1  something is missing, or the store cannot be used
        2  the settings or options are wrong
    """


@command.command("init", short_help="Make what is missing.")
@click.option("--renew", is_flag=True, help="Of MongoDB, write anew what all records are found by.")
@sharding_option
@json_option
@store_option
@config_option
def init(renew: bool, sharding: bool, as_json: bool, store: str | None, config: str | None) -> None:
    """Make what is missing, and say what was made, made anew or dropped, a line each; nothing else is touched.

    It can be run at any time, also while servers use the store, and again. With --renew, records that servers of an
    older version have written meanwhile are brought up to date, too.

    Examples:
        crossbar store init --config crossbar.toml
        crossbar store init --sharding --store 'mongodb://router/crossbar'

    Exit codes:
        0  all is there
        1  something could not be made, or the store cannot be used
        2  the settings or options are wrong
    """
    _tell(_settings(store, config), as_json, make=True, sharding=sharding, renew=renew)


@command.command("check", short_help="Say what is missing, and change nothing.")
@sharding_option
@json_option
@store_option
@config_option
def check(sharding: bool, as_json: bool, store: str | None, config: str | None) -> None:
    """Say what the store has, what it lacks and how its servers are set up, and change nothing.

    Of MongoDB that is its version and topology, its clock, the user's roles, the concerns in force, whether
    transactions work, and whether listings would go through whole collections.

    Examples:
        crossbar store check --config crossbar.toml
        crossbar store check --json --store sqlite:///crossbar.db

    Exit codes:
        0  all is there, but for doubts
        1  something is missing or not as it should be, or the store cannot be used
        2  the settings or options are wrong
    """
    _tell(_settings(store, config), as_json, make=False, sharding=sharding)


def _settings(store: str | None, config: str | None) -> Settings:
    return load_settings(config, {"store.url": store})


def _tell(settings: Settings, as_json: bool, *, make: bool, sharding: bool, renew: bool = False) -> None:
    app, broken = assemble(settings)
    found = asyncio.run(prepared(app, make=make, sharding=sharding, renew=renew))
    found.doubts += [f"{sentence}; what it keeps is left out here" for sentence in map(shown, broken)]
    if as_json:
        print_json(found.as_json())
    else:
        _print(found)
    if not found.ok:
        raise SystemExit(1)


def _print(found: Prepared) -> None:
    echo(f"store: {found.store}")
    for name, fact in found.facts.items():
        echo(f"{name}: {fact}")
    for name, told, _ in found.places:
        echo(f"  {name}: {told}")
    _each("fault", found.faults)
    _each("doubt", found.doubts)
    _each("note", found.notes)
    if found.sharding:
        echo("sharding: once, in mongosh, connected to a router of the cluster, after `crossbar store init`:")
        for line in found.sharding:
            echo(f"  {line}")
    echo(found.outcome)


def _each(word: str, sentences: Sequence[str]) -> None:
    for sentence in sentences:
        echo(f"{word}: {sentence}")
