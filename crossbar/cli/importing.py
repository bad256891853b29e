"""`crossbar import`: what an export has written, into a store of any sort."""

from __future__ import annotations

import time
from pathlib import Path

import rich_click as click

from ..app import Crossbar
from ..stores.whole import WholeStore
from ..transfer.importing import Imported, import_archive
from .assembly import config_option, load_settings, missing_file, store_option
from .moving import Meter, moved, patience_of, wait_option
from .output import echo, shown


@click.command("import", short_help="Put what was exported into a store.")
@click.argument("folder", type=click.Path(path_type=Path))
@store_option
@config_option
@wait_option
@click.option("--quiet", is_flag=True, help="Do not show how far it is.")
def command(folder: Path, store: str | None, config: str | None, wait: int, quiet: bool) -> None:
    """Put what `crossbar export` has written into a store, and check that all of it is there.

    A whole store goes into one that was never served, an account tree below the same account as before. Nothing is
    ever written over. An import that was interrupted goes on where it ended when it is asked for again.

    Examples:
        crossbar import moving --store mongodb://db.example.com/crossbar
        crossbar import acme

    Exit codes:
        0    the store holds all of it
        1    it failed; standard error says why
        2    the settings or options are wrong
        130  stopped by Ctrl+C; the same command goes on
    """
    settings = load_settings(config, {"store.url": store})
    began = time.perf_counter()

    async def work(app: Crossbar, store: WholeStore, meter: Meter) -> Imported:
        is_new = missing_file(app) is not None
        return await import_archive(
            store, folder, open_store=app.open_kinds, tell=meter, is_new=is_new, patience=patience_of(meter, wait)
        )

    done = moved(settings, work, quiet=quiet)
    took = time.perf_counter() - began
    url, there = shown(settings.store.url), 0
    if done.restored is None:
        echo(f"{done.documents:>9,}  documents are in {url}, after {took:.1f} seconds; it was lost on the way")
    else:
        there = done.documents - done.restored
        echo(f"{done.restored:>9,}  documents were put into {url}, in {took:.1f} seconds")
    for count, told in ((there, "were there already"), (done.expired, "have expired since, and were left out")):
        if count > 0:
            echo(f"{count:>9,}  {told}")
    echo(f"{done.documents:>9,}  documents and {done.blobs:,} files of theirs were checked")
