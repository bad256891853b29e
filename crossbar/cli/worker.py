"""What a worker process of `crossbar run --workers N` serves: the application, with the settings of its parent."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec

from .. import log
from ..settings import Settings
from .assembly import assemble_served, spare_the_collector
from .reloading import Origin, kept
from .served import Served

SETTINGS = "CROSSBAR_WORKER_SETTINGS"
"""The environment variable that carries the settings from the parent, as JSON."""
ORIGIN = "CROSSBAR_WORKER_ORIGIN"
"""The same for where the settings came from."""
ADMIN = "CROSSBAR_WORKER_ADMIN"
"""The same for the folder of the admin sockets, empty for none."""


def application() -> Served:
    """The application; what is out of order with it was told by the parent."""
    # NOTE: whoever signals a whole group of processes means the parent, which asks its workers.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    admin = Path(os.environ[ADMIN]) if os.environ[ADMIN] else None
    settings = kept(admin, msgspec.json.decode(os.environ[SETTINGS], type=Settings))
    log.configure(settings.log.level)
    app, _ = assemble_served(settings)
    app.admin = admin
    app.origin = msgspec.json.decode(os.environ[ORIGIN], type=Origin | None)
    app.replaceable = True
    spare_the_collector()
    return app


def hand_down(settings: Settings, admin: Path | None, origin: Origin | None) -> None:
    """Leave the settings where processes that are started from now on find them."""
    os.environ[ORIGIN] = msgspec.json.encode(origin).decode()
    os.environ[ADMIN] = str(admin or "")
    os.environ[SETTINGS] = msgspec.json.encode(settings).decode()
