"""The registry: name to endpoint, checked as they arrive, walkable, with the dispatch of each dialect ready.

Everything that a request needs of it is a dict made here, so that the cost of a look-up does not grow with the number
of endpoints.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .dispatch import Dispatch, Place
from .endpoint import Endpoint
from .errors import NotFound, RegistrationError, Unavailable
from .target import ALIAS, Noun, is_version

if TYPE_CHECKING:
    from .context import Context


@dataclass(frozen=True, slots=True)
class Entry:
    """One endpoint and where it came from; `fault` says why it does not run, empty if it does."""

    endpoint: Endpoint
    origin: str
    fault: str = ""

    @property
    def name(self) -> str:
        """The noun that it answers to."""
        return self.endpoint.name


class Broken(Endpoint):
    """Stands for a module that could not be loaded: its noun stays taken, and every request gets a 503 that says so."""

    greedy = True
    anywhere = True

    def __init__(self, name: str) -> None:
        self.name = name  # type: ignore[misc]

    async def find(self, ctx: Context, *args: str) -> None:
        """Refuse, whatever is asked."""
        raise Unavailable(f"the endpoint {self.name!r} is out of order; the log names the fault", retry=30)

    create = replace = patch = delete = find


class Registry:
    """Endpoints by name."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.names: dict[str, Endpoint] = {}
        self.greedy: frozenset[str] = frozenset()
        self._dispatch: dict[str, dict[str, Dispatch]] = {}

    def add(self, endpoint: Endpoint, origin: str, fault: str = "") -> None:
        """Let an endpoint in; RegistrationError, naming both sides, if its name is taken or cannot be one."""
        name = endpoint.name
        if not name:
            raise RegistrationError(f"{type(endpoint).__name__} from {origin} has no name: set the class attribute")
        if name == ALIAS or is_version(name):
            raise RegistrationError(f"{name!r} from {origin} is a word of the path itself: choose another name")
        if name in self.entries:
            raise RegistrationError(
                f"two endpoints are called {name!r}: one from {self.entries[name].origin}, one from {origin}; "
                "rename one of them"
            )
        self.entries[name] = Entry(endpoint, origin, fault)
        self.names[name] = endpoint
        if endpoint.greedy:
            self.greedy |= {name}
        self._dispatch.clear()

    def dispatch(self, dialect: str, verbs: Mapping[str, str]) -> dict[str, Dispatch]:
        """What answers where, by the name of the noun, in the verbs of a dialect."""
        found = self._dispatch.get(dialect)
        if found is None:
            found = {name: Dispatch(endpoint, verbs) for name, endpoint in self.names.items()}
            self._dispatch[dialect] = found
        return found

    def nearest(self, name: str) -> str | None:
        """The endpoint whose name looks most like this one."""
        return next(iter(difflib.get_close_matches(name, self.names, 1, 0.6)), None)

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self.entries.values(), key=lambda entry: entry.name))

    def __len__(self) -> int:
        return len(self.entries)


def place_of(ctx: Context, nouns: tuple[Noun, ...]) -> Place:
    """What answers at the end of the chain; NotFound, saying how far the path resolved, if nothing does."""
    registry = ctx.app.registry
    if not nouns:
        raise _unknown(ctx, nouns, ())
    last, before = nouns[-1], nouns[:-1]
    for position, noun in enumerate(before):
        endpoint = registry.names[noun.name]
        least, most = endpoint.depths
        if not max(least, 1) <= len(noun.args) <= most:
            raise _unknown(ctx, nouns[: position + 1], noun.args[most:])
        child = registry.names[nouns[position + 1].name]
        if not endpoint.tenants and not _is_parent(registry, noun.name, nouns[position + 1 :]):
            raise NotFound(
                f"{child.name!r} does not answer below {noun.name!r}",
                word="faulty_request",
                details=_extent(ctx, nouns),
            )
    dispatch = registry.dispatch(ctx.dialect.name, ctx.dialect.verbs)[last.name]
    place = dispatch.at(last.args)
    if place is None:
        raise _unknown(ctx, nouns, last.args[registry.names[last.name].depths[1] :])
    return place


def _is_parent(registry: Registry, name: str, later: tuple[Noun, ...]) -> bool:
    """Whether one of the later nouns, in the same tenant, has this one as a parent."""
    for noun in later:
        endpoint = registry.names[noun.name]
        if endpoint.tenants:
            return False
        if name in endpoint.parents:
            return True
    return False


def _unknown(ctx: Context, nouns: tuple[Noun, ...], surplus: tuple[str, ...]) -> NotFound:
    """A 404 that says how far the path resolved and which endpoint may have been meant."""
    registry = ctx.app.registry
    if not nouns:
        # The chain broke at its first token, or at the one after the alias for the caller's own account.
        tokens = ctx.raw_path.decode("latin-1").split("/")[2:]
        surplus = tuple([token for token in tokens if token != ALIAS][:1])
    nearest = next((near for near in map(registry.nearest, surplus) if near), None)
    wrong = surplus[0] if surplus else ""
    if nearest:
        wrong = next(token for token in surplus if registry.nearest(token) == nearest)
        message = f"no endpoint named {wrong!r}; did you mean {nearest!r}?"
    elif nouns:
        message = f"nothing answers at {'/'.join([nouns[-1].name, *nouns[-1].args])!r}"
    else:
        message = f"no endpoint named {wrong!r}" if wrong else "the path names no endpoint"
    return NotFound(message, details=_extent(ctx, nouns, surplus))


def _extent(ctx: Context, nouns: tuple[Noun, ...], surplus: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """How far the path resolved: the version, then each noun with its arguments, without the surplus ones."""
    resolved = [ctx.target.version or ""]
    for noun in nouns:
        args = noun.args[: len(noun.args) - len(surplus)] if noun is nouns[-1] else noun.args
        resolved.append("/".join([noun.name, *args]))
    return {"resolved": resolved}
