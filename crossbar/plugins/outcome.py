"""What became of a plugin when something was changed."""

from __future__ import annotations

from typing import NamedTuple


class Outcome(NamedTuple):
    """What became of one plugin: `did` is `added`, `reloaded`, `removed`, `stopped`, `started`, or `failed`."""

    name: str
    did: str
    why: str = ""
