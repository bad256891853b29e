"""What `crossbar run` does at SIGHUP: the same as `crossbar reload`; the signal never ends anything."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from types import FrameType

from .output import Failure
from .reload import reloaded

logger = logging.getLogger("crossbar")


class Hangup:
    """Reloads the configuration at each signal, one after the other. `folder` is that of the admin sockets, if any."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._turn = threading.Lock()

    def come(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Begin to reload, in a thread: whoever was signalled goes on, and answers what the thread asks of it."""
        threading.Thread(target=self._reload, name="crossbar-hangup", daemon=True).start()

    def _reload(self) -> None:
        if self._folder is None:
            logger.error('SIGHUP: nothing is loaded again: server.admin is "off", and a reload needs its folder')
            return
        with self._turn:
            try:
                found = reloaded(self._folder)
            except Failure as failure:
                # NOTE: faults of the configuration are in the log of every process that was asked.
                if not failure.faults:
                    logger.error("SIGHUP: %s", failure.message)
                return
            except Exception:  # whatever it meets, the server goes on
                logger.exception("SIGHUP: the configuration could not be loaded again")
                return
        for line in found.told():
            logger.info("SIGHUP: %s", line)
