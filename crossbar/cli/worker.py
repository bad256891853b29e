"""What a worker process of `crossbar run --workers N` serves: the application, with the settings of its parent."""

from __future__ import annotations

import os

import msgspec

from .. import log
from ..app import Crossbar
from ..settings import Settings
from .assembly import assemble, spare_the_collector

SETTINGS = "CROSSBAR_WORKER_SETTINGS"
"""The environment variable that carries the settings from the parent, as JSON."""


def application() -> Crossbar:
    """The application; what is out of order with it was told by the parent."""
    settings = msgspec.json.decode(os.environ[SETTINGS], type=Settings)
    log.configure(settings.log.level)
    app, _ = assemble(settings)
    spare_the_collector()
    return app


def hand_down(settings: Settings) -> None:
    """Leave the settings where processes that are started from now on find them."""
    os.environ[SETTINGS] = msgspec.json.encode(settings).decode()
