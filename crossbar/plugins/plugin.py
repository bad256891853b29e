"""One plugin: what was found, what of it runs, and in which state it is."""

from __future__ import annotations

from dataclasses import dataclass

from .found import Found

OK, OUT_OF_ORDER, STOPPED, DISABLED, PREVIOUS = "ok", "out of order", "stopped", "disabled", "previous version"


@dataclass(slots=True, eq=False)
class Plugin:
    """One plugin: what was found, what of it is running, and what is wrong.

    With a `fault` and something running, that is the version from before the fault, unless it has `ended`: then its
    lifespan is over before its time.
    """

    found: Found
    running: Found | None = None
    fault: str = ""
    disabled: bool = False
    stopped: bool = False
    ended: bool = False

    @property
    def name(self) -> str:
        """The noun of an endpoint, the name of anything else."""
        return self.found.name

    @property
    def state(self) -> str:
        """One word or two for people and programs."""
        if self.disabled:
            return DISABLED
        if self.stopped:
            return STOPPED
        if self.running is None or self.ended:
            return OUT_OF_ORDER
        return PREVIOUS if self.fault else OK
