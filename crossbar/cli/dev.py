"""`crossbar dev`: serve while modules are written; what is saved is live at once."""

from __future__ import annotations

import rich_click as click

from .assembly import config_option, load_settings, store_option


@click.command("dev", short_help="Serve while you write modules: what you save is live.")
@click.argument("folder", required=False)
@click.option("--host", metavar="ADDRESS", help="The address to listen on, 127.0.0.1 unless set.")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", help="The port, 8000 unless set; 0 takes a free one."
)
@store_option
@config_option
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="What is worth a line.")
def command(
    folder: str | None,
    host: str | None,
    port: int | None,
    store: str | None,
    config: str | None,
    log_level: str | None,
) -> None:
    """Serve the modules in FOLDER, and load each anew as soon as it, its schema or a helper file is saved.

    FOLDER is the modules.folder of the settings unless it is given, or else ./modules. A module that cannot be loaded
    is told with file and line, and the version from before goes on; requests under way are never dropped.

    Documents are kept in memory until the server ends, unless --store or a configuration names a store. An empty store
    gets a small account, so that there is somebody to log in as; the greeting has a token and a line to try.

    Examples:
        crossbar dev
        crossbar dev my_modules --port 9000
        crossbar dev --store sqlite:///dev.db

    Exit codes:
        0  it was stopped
        1  it could not start: the port is taken, the store cannot be opened, ...
        2  the settings or options are wrong, or there is no such folder
    """
    from .developing import develop, folder_to_watch

    given = load_settings(config)
    overrides = {
        "server.host": host,
        "server.port": port,
        "server.workers": 1,
        "store.url": store or ("memory:" if config is None else None),
        "modules.folder": str(folder_to_watch(folder or given.modules.folder)),
        "log.level": log_level,
        "rate.enabled": False,
    }
    develop(load_settings(config, overrides), config)
