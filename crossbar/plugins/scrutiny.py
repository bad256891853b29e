"""What keeps a found thing from running: said when it is taken in, with both sides of a conflict and the way out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..auth import KINDS
from ..dispatch import CROSSBAR
from ..errors import CrossbarError
from ..registry import Registry
from ..stores import Kind
from .fitting import taken_by_crossbar
from .found import Found
from .plugin import Plugin

if TYPE_CHECKING:
    from .roster import Roster

# NOTE: whoever replaces the module of the accounts keeps accounts.
_OWN = {kind.name for kind in KINDS} - {"accounts"}


def faults_of(found: Found, roster: Roster, instead: Sequence[Plugin]) -> list[str]:
    """What keeps a found thing from running; `instead` are plugins whose place it would take."""
    conflict = _conflict(found, roster, instead)
    faults = [fault for fault in (found.fault, conflict) if fault]
    if faults:
        return faults
    try:
        return [*_clashes(found, roster, instead), *_endpoint_faults(found, roster)]
    except Exception as error:  # the plugin is asked here, and may fail in any way
        return [f"{found.origin}: {type(error).__name__}: {error}"]


def _conflict(found: Found, roster: Roster, instead: Sequence[Plugin]) -> str:
    """Who else has what only one can have; empty if nobody has."""
    taken = taken_by_crossbar(found.claim)
    if taken:
        return f"{found.sort} {found.name!r} from {found.origin}: {taken} has that name; rename it"
    other = roster.holder_of(found, instead)
    if other is None:
        return ""
    way_out = "rename one of them"
    if other.names[-1] != found.names[-1]:
        way_out += f', or leave one out: modules.disabled = ["{other.names[-1]}"]'
    called = f"two {found.sort}s are called {found.name!r}"
    if other.name != found.name:
        called = f"two {found.sort}s, {other.name!r} and {found.name!r}, are for {found.claim[-1]}"
    return f"{called}: one from {other.origin}, one from {found.origin}; {way_out}"


def _clashes(found: Found, roster: Roster, instead: Sequence[Plugin]) -> Iterator[str]:
    """What a found thing would take away from others: a schema of the same name, a kind of document."""
    own = {str(schema.path) for plugin in instead for schema in plugin.found.schemas.values()}
    for name, schema in found.schemas.items():
        known = roster.schemas.origin(name)
        if not known or known in own or known == str(schema.path) or roster.is_overruled(name, found):
            continue
        yield f"two schemas are called {name!r}: {known} and {schema.path}; rename one of them"
    kinds = _kinds_of(found)
    for name in sorted(_OWN & kinds.keys()):
        yield f"{found.origin}: Crossbar itself keeps documents of the kind {name!r}; rename the kind"
    for plugin in roster.plugins:
        if plugin.running is None or plugin in instead:
            continue
        for name in sorted(kinds.keys() & _kinds_of(plugin.running).keys()):
            if _shares(found, name) or _shares(plugin.running, name):
                continue
            yield (
                f"two endpoints keep documents of the kind {name!r}: {plugin.name!r} from {plugin.found.origin}, "
                f"{found.name!r} from {found.origin}; rename one of the kinds"
            )


def _shares(found: Found, kind: str) -> bool:
    """Whether an endpoint says that its documents are of a kind that is called like another noun."""
    endpoint = found.endpoint
    return endpoint is not None and endpoint.name != kind and getattr(endpoint, "kind", "") == kind


def _endpoint_faults(found: Found, roster: Roster) -> Iterator[str]:
    """What is wrong with an endpoint itself."""
    if found.endpoint is None:
        return
    schemas = roster.schemas
    if found.schemas:
        schemas = schemas.copy()
        for name, schema in found.schemas.items():
            if not roster.is_overruled(name, found):
                schemas.add(name, lambda schema=schema: schema.content, str(schema.path))  # type: ignore[misc]
    try:
        Registry([found.endpoint]).dispatch(CROSSBAR)
        if roster.gateway is not None:
            yield from roster.gateway.clashes(found.endpoint, found.origin)
        wanted = getattr(found.endpoint, "schema", "")
        if wanted:
            schemas.compiled(wanted)
    except CrossbarError as error:
        yield f"{found.origin}: {error}"


def _kinds_of(found: Found) -> dict[str, Kind]:
    return {kind.name: kind for kind in found.endpoint.kinds()} if found.endpoint is not None else {}
