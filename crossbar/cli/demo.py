"""`crossbar demo`: load the demo data."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rich_click as click

from ..app import Crossbar
from ..demo import DEMO_ACCOUNT, DEMO_PASSWORD, DEMO_USER, Recipe, load_recipe
from ..demo.loading import Tell, demo_client, load_demo
from ..errors import CrossbarError
from .assembly import assemble, closed_after, config_option, load_settings, store_option
from .output import Failure, echo, shown


@click.command("demo", short_help="Load the demo data.")
@store_option
@config_option
@click.option("--records", type=click.IntRange(0), metavar="N", help="How many call records, 100,000 unless set.")
@click.option("--records-in-master", is_flag=True, help="Put all call records into the account demo, for benchmarks.")
def command(store: str | None, config: str | None, records: int | None, records_in_master: bool) -> None:
    """Load the demo data: a tree of accounts with users, devices, callflows and months of calls.

    The same data each time, but for the API keys, and up to the present hour. The store must hold no accounts.

    Examples:
        crossbar demo
        crossbar demo --store sqlite:///bench.db --records 1000000 --records-in-master

    Exit codes:
        0  it is loaded
        1  the store holds accounts already, or cannot be written
        2  the settings or options are wrong
    """
    settings = load_settings(config, {"store.url": store})
    changes: dict[str, Any] = {"records": records, "records_in_master": records_in_master or None}
    recipe = load_recipe(**{key: value for key, value in changes.items() if value is not None})
    app, _ = assemble(settings)
    began = time.perf_counter()
    counts, (client_id, client_secret) = asyncio.run(_load_alone(app, recipe))
    for kind, count in counts.most_common():
        echo(f"{count:>9,}  {kind}")
    took = time.perf_counter() - began
    echo(f"{counts.total():>9,}  documents in {took:.1f} seconds, in {shown(settings.store.url)}")
    echo(f"Log in as user {DEMO_USER} of account {DEMO_ACCOUNT} with the password {DEMO_PASSWORD}.")
    echo(f"Get tokens by OAuth as client {client_id} with the secret {client_secret}.")


async def _load_alone(app: Crossbar, recipe: Recipe) -> tuple[Counter[str], tuple[str, str]]:
    async with closed_after(app):
        try:
            await app.start()
            counts = await load(app, recipe)
            return counts, await demo_client(app.store, recipe, int(time.time()))
        except CrossbarError as error:
            raise Failure(str(error)) from None


async def load(app: Crossbar, recipe: Recipe) -> Counter[str]:
    """Load what the recipe makes into the application's store, and show how far it is."""
    known = {kind.name for entry in app.registry for kind in entry.endpoint.kinds()}
    with _progress() as tell:
        return await load_demo(app.store, app.hasher, recipe, known=known, now=int(time.time()), tell=tell)


@contextmanager
def _progress() -> Iterator[Tell]:
    """Show how far the load is: a bar on a terminal, else a line for each tenth."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Demo data"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _lines() -> Callable[[int, int], None]:
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if done * 10 // total > told:
            told = done * 10 // total
            echo(f"Demo data: {done:,} of {total:,} documents", err=True)

    return tell
