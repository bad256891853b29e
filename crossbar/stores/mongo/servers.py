"""Whether there is a server to be asked, as the driver knows it, and for how long one is waited for."""

from __future__ import annotations

from time import monotonic

from pymongo.read_preferences import _ServerMode
from pymongo.topology_description import TopologyDescription

GONE_FOR = 3.0
"""Seconds without a server after which nobody waits for one any more, but for somebody now and then; at least.

It is as long as two may wait one after the other, where that is more.
"""
_TRIED_EVERY = 2.0


class Servers:
    """Whether there is a server for a way to read or write, as the driver knows it."""

    def __init__(self, preference: _ServerMode, gone_for: float) -> None:
        self.preference = preference
        self._gone_for = gone_for
        self._topology: TopologyDescription | None = None
        self._gone = self._asked = self._tried = float("-inf")

    def are_gone(self, topology: TopologyDescription) -> bool:
        """Whether nobody shall wait for one: there has been none for seconds, and somebody waits for it already."""
        # PERF: the driver makes a new description with each heartbeat; most questions meet the one that is known.
        if topology is self._topology:
            return False
        if topology.has_readable_server(self.preference):
            self._topology = topology
            return False
        now = monotonic()
        if self._topology is not None or now - self._asked >= self._gone_for:
            # It has just gone; or nobody has asked for a while, and what was known of it then is old.
            self._topology, self._gone, self._tried = None, now, now
        self._asked = now
        if now - self._gone < self._gone_for:
            return False
        if now - self._tried >= _TRIED_EVERY:
            # NOTE: the driver looks for servers more often while somebody waits for one.
            self._tried = now
            return False
        return True

    @property
    def known(self) -> bool:
        """Whether there was one when it was last asked for."""
        return self._topology is not None

    @property
    def sought(self) -> str:
        """What messages call such a server."""
        if self.preference.mongos_mode == "primary":
            return "primary"
        return f"server for readPreference={self.preference.mongos_mode}"
