"""`crossbar run`: serve."""

from __future__ import annotations

from typing import Any

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
@click.option("--gateway", is_flag=True, help="With the demo data, be a gateway before two demo services.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="What is worth a line.")
def command(
    host: str | None,
    port: int | None,
    store: str | None,
    config: str | None,
    workers: int | None,
    demo: bool,
    gateway: bool,
    log_level: str | None,
) -> None:
    """Serve the API until Ctrl+C.

    Options count more than the environment (CROSSBAR__SERVER__PORT=9000), and that more than the file of --config.

    A store whose demo login still works is served to this machine only.

    Examples:
        crossbar run --demo
        crossbar run --gateway
        crossbar run --store sqlite:////var/lib/crossbar/crossbar.db --workers 4
        crossbar run --host 0.0.0.0 --port 9000 --config crossbar.toml

    Exit codes:
        0  it was stopped
        1  it could not start: the port is taken, the store cannot be opened, ...
        2  the settings or options are wrong
    """
    if gateway and config is None:
        from ..demo.upstreams import gateway_file

        config = str(gateway_file())
    overrides: dict[str, Any] = {
        "server.host": host,
        "server.port": port,
        "server.workers": workers,
        "store.url": store,
        "log.level": log_level,
    }
    settings = load_settings(config, overrides)
    # PERF: the server is imported only now, so that wrong options are told at once.
    from .reloading import Origin
    from .serving import serve

    if not gateway:
        serve(settings, demo=demo, origin=Origin(config, overrides))
        return
    from ..demo.upstreams import moved
    from .upstreams import demo_upstreams

    with demo_upstreams() as ports:
        overrides |= moved(settings, ports)
        serve(load_settings(config, overrides), demo=True, origin=Origin(config, overrides))
