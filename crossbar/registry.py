"""The registry: name to endpoint, checked as they arrive, walkable, with the dispatch of each dialect ready.

Everything that a request needs of it is a dict made here, so that the cost of a look-up does not grow with the number
of endpoints.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .endpoint import Dispatch, Endpoint
from .errors import RegistrationError, Unavailable
from .target import ALIAS, is_version

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
                "rename one or list it under modules.disabled"
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
