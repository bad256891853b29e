"""`crossbar run`: serve."""

from __future__ import annotations

import rich_click as click

from .assembly import config_option, load_settings, store_option


@click.command("run", short_help="Serve the API.")
@click.option("--host", metavar="ADDRESS", help="The address to listen on, 127.0.0.1 unless set.")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", help="The port, 8000 unless set; 0 takes a free one."
)
@store_option
@config_option
@click.option("--workers", type=click.IntRange(1, 64), metavar="N", help="Worker processes that share the port.")
@click.option("--demo", is_flag=True, help="Load the demo data if the store has none, and say how to log in.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="What is worth a line.")
def command(
    host: str | None,
    port: int | None,
    store: str | None,
    config: str | None,
    workers: int | None,
    demo: bool,
    log_level: str | None,
) -> None:
    """Serve the API until Ctrl+C.

    Options count more than the environment (CROSSBAR__SERVER__PORT=9000), and that more than the file of --config.

    A store whose demo login still works is served to this machine only.

    Examples:
        crossbar run --demo
        crossbar run --store sqlite:////var/lib/crossbar/crossbar.db --workers 4
        crossbar run --host 0.0.0.0 --port 9000 --config crossbar.toml

    Exit codes:
        0  it was stopped
        1  it could not start: the port is taken, the store cannot be opened, ...
        2  the settings or options are wrong
    """
    settings = load_settings(
        config,
        {
            "server.host": host,
            "server.port": port,
            "server.workers": workers,
            "store.url": store,
            "log.level": log_level,
        },
    )
    # PERF: the server is imported only now, so that wrong options are told at once.
    from .serving import serve

    serve(settings, demo=demo)
