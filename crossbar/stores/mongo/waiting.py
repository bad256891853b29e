"""What the driver needs put right on Python 3.11 before it is used.

The driver waits for a place in its pool with `asyncio.wait_for`. Before Python 3.12 that makes a task of what is waited
for, and whoever is cancelled just when the time is over leaves this task behind, which takes the pool's lock and never
gives it back: no request gets a connection again until the process is restarted. Since 3.12 it waits in the calling
task (https://github.com/python/cpython/issues/96764, not brought to 3.11).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import TypeVar

import pymongo.lock

T = TypeVar("T")


async def wait_for(awaited: Awaitable[T], timeout: float | None) -> T:
    """The same as `asyncio.wait_for` of Python 3.12: waits in the calling task; TimeoutError after so many seconds."""
    async with asyncio.timeout(timeout):
        return await awaited


def put_right() -> None:
    """Have the driver wait as it would on Python 3.12; once is enough for a process."""
    if sys.version_info < (3, 12):
        pymongo.lock.wait_for = wait_for  # type: ignore[attr-defined, assignment]
