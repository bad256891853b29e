"""`crossbar export`: all that a store holds, or an account with all below it, as plain files."""

from __future__ import annotations

import time
from pathlib import Path

import rich_click as click

from ..app import Crossbar
from ..stores.whole import WholeStore
from ..transfer.exporting import export_store
from ..transfer.manifest import Manifest
from ..transfer.progress import amount
from .assembly import config_option, load_settings, refuse_missing_file, store_option
from .moving import Meter, moved, patience_of, source_of, wait_option
from .output import echo


@click.command("export", short_help="Write what a store holds into a folder.")
@click.argument("folder", type=click.Path(path_type=Path))
@store_option
@config_option
@click.option("--account", metavar="ID", help="Only this account and those below it, with all that is theirs.")
@wait_option
@click.option("--quiet", is_flag=True, help="Do not show how far it is.")
def command(folder: Path, store: str | None, config: str | None, account: str | None, wait: int, quiet: bool) -> None:
    """Write all that a store holds into a folder, for `crossbar import` into any other store.

    Documents are lines of JSON, files are files. In the end all of it is read back and compared. An export that was
    interrupted goes on where it ended when it is asked for again. The folder holds hashes of passwords and keys:
    nobody else may read it.

    Examples:
        crossbar export moving
        crossbar export acme --account 0f1e2d3c4b5a69788796a5b4c3d2e1f0
        crossbar export moving --store mongodb://db.example.com/crossbar

    Exit codes:
        0    all of it is in the folder
        1    it failed; standard error says why
        2    the settings or options are wrong
        130  stopped by Ctrl+C; the same command goes on
    """
    settings = load_settings(config, {"store.url": store})
    began = time.perf_counter()

    async def work(app: Crossbar, store: WholeStore, meter: Meter) -> Manifest:
        refuse_missing_file(app)
        await store.open([])
        return await export_store(
            store, folder, account=account, source=source_of(settings), tell=meter, patience=patience_of(meter, wait)
        )

    manifest = moved(settings, work, quiet=quiet)
    for part in manifest.kinds:
        if part.sum.documents:
            echo(f"{part.sum.documents:>9,}  {part.kind}")
    documents, blobs = manifest.total()
    size = amount(sum(part.sum.size + part.sum.blob_bytes for part in manifest.kinds))
    took = time.perf_counter() - began
    echo(
        f"{documents:>9,}  documents and {blobs:,} files of theirs, {size}, in {took:.1f} seconds, checked, in {folder}"
    )
