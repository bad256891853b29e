"""What there is to tell about a plugin, for people and programs."""

from __future__ import annotations

from typing import Any

from ..plugins import OK, PREVIOUS, Plugin
from .output import first_sentence


def facts_of(plugin: Plugin) -> dict[str, Any]:
    """Name, what it is, state, where from, version, what it offers, and why it is not in, as JSON."""
    found = plugin.running or plugin.found
    endpoint = found.endpoint
    offers = [route.name for route in endpoint.routes] if endpoint is not None else []
    offers += [f"{hook.moment} {', '.join(hook.patterns)}" for hook in found.hooks]
    about = type(endpoint) if endpoint is not None else found.thing
    return {
        "name": plugin.name,
        "socket": found.socket,
        "state": plugin.state,
        "kind": found.source.kind,
        "origin": found.source.place,
        "version": found.source.version,
        "offers": offers if plugin.state in (OK, PREVIOUS) else [],
        "fault": plugin.fault,
        "about": first_sentence(about) if about is not None else "",
    }
