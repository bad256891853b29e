"""Shedding: what one process cannot work on now is refused at once, so that what it has begun stays quick.

Without a bound, requests that come faster than they are answered pile up until every one of them is too late. With
`limits.requests` the excess costs one short answer each: 503 with `Retry-After`, before the body is read, the caller
is looked up or a password is hashed.
"""

from __future__ import annotations

import logging
import time

from ..context import Context
from ..errors import Unavailable
from ..walk import refuse

logger = logging.getLogger("crossbar")

_TOLD_EVERY = 1.0  # seconds between two lines in the log
_SPREAD = 3  # clients are told to come back after 1 to so many seconds, so that they do not all come at once


class Overload:
    """Refuses requests while there are `most` under way."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._shed = self._untold = 0
        self._told = float("-inf")

    def shed(self, ctx: Context) -> None:
        """Leave a refusal in the context, in the dialect's form; the log hears of it once a second at most."""
        self._shed += 1
        self._untold += 1
        retry = 1 + self._shed % _SPREAD
        refuse(ctx, Unavailable("the server is working on as many requests as it can: try again later", retry=retry))
        now = time.monotonic()
        if now - self._told >= _TOLD_EVERY:
            logger.warning("overload: %d requests refused, %d are under way", self._untold, self.most)
            self._told, self._untold = now, 0
