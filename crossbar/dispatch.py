"""What answers where: the routes of one endpoint, by depth, in the verbs of one dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from .endpoint import Endpoint
from .errors import DefinitionError
from .routes import DEEPEST, UNBOUNDED, VERBS, Operation, Route


class Wording(Protocol):
    """What dispatch asks of a dialect: its name, and the HTTP verb of each operation."""

    @property
    def name(self) -> str:
        """What the dialect is called."""
        ...

    @property
    def verbs(self) -> Mapping[str, str]:
        """The HTTP verb of each operation, empty if it is not offered; of two with one verb, the first there is."""
        ...

    @property
    def also(self) -> Mapping[str, tuple[str, ...]]:
        """Further verbs of operations that have some."""
        ...

    def word(self, noun: str) -> str:
        """What it calls a noun."""
        ...


class Verbs(NamedTuple):
    """The wording of whoever routes without a dialect."""

    name: str
    verbs: Mapping[str, str]
    also: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def word(self, noun: str) -> str:
        """The noun itself."""
        return noun


CROSSBAR = Verbs(
    "crossbar",
    MappingProxyType(
        {"find": "GET", "create": "PUT", "read": "GET", "replace": "POST", "patch": "PATCH", "delete": "DELETE"}
    ),
)
"""The verbs of Crossbar's own dialect."""


class Bound(NamedTuple):
    """A route of one endpoint object, ready to be called; `picks` are the positions of an action's parameters.

    The first `leading` arguments name something of the endpoint's: those of an operation, and the parameters of an
    action before its first literal.
    """

    endpoint: Endpoint
    route: Route
    call: Operation
    picks: tuple[int, ...] | None
    leading: int

    @property
    def verb(self) -> str:
        """The verb in Crossbar's own words, whichever dialect asks: what rules and costs that name verbs go by."""
        operation = self.route.operation
        return CROSSBAR.verbs[operation] if operation is not None else self.route.verb or ""

    def arguments(self, args: tuple[str, ...]) -> tuple[str, ...]:
        """The arguments of the noun that are parameters, without an action's literals."""
        return args if self.picks is None else tuple(args[position] for position in self.picks)


class Dispatch:
    """What answers at each depth of one endpoint, in the verbs of one dialect."""

    def __init__(self, endpoint: Endpoint, wording: Wording) -> None:
        self._depths: dict[int, Place] = {}
        self._patterns: dict[int, list[tuple[tuple[str | None, ...], Place]]] = {}
        self._deeper: Place | None = None
        # NOTE: operations first: where a dialect writes an action of another dialect's like one of them, they win.
        order: list[str | None] = [*wording.verbs, None]
        routes = [route for route in endpoint.routes if route.operation is None or wording.verbs[route.operation]]
        for route in sorted(routes, key=lambda route: order.index(route.operation)):
            self._add(endpoint, route, wording)
        for patterns in self._patterns.values():
            patterns.sort(key=lambda entry: [part is None for part in entry[0]])
        for place in self.places():
            place.allow = _allow(place.verbs)

    def at(self, args: tuple[str, ...]) -> Place | None:
        """What answers at these arguments, None if nothing does. A literal wins over an argument."""
        depth = len(args)
        if depth in self._patterns:
            for pattern, place in self._patterns[depth]:
                if all(part is None or part == arg for part, arg in zip(pattern, args, strict=True)):
                    return place
        return self._depths.get(depth) if depth <= DEEPEST else self._deeper

    def places(self) -> Iterator[Place]:
        """Everything that answers, action by action and depth by depth."""
        yield from self._depths.values()
        for patterns in self._patterns.values():
            yield from (place for _, place in patterns)
        if self._deeper is not None:
            yield self._deeper

    def _place(self, pattern: tuple[str | None, ...]) -> Place:
        """The place of a pattern, made if it is new; without literals it is the depth itself."""
        if not any(pattern):
            return self._depths.setdefault(len(pattern), Place(pattern))
        patterns = self._patterns.setdefault(len(pattern), [])
        for known, place in patterns:
            if known == pattern:
                return place
        patterns.append((pattern, Place(pattern)))
        return patterns[-1][1]

    def _add(self, endpoint: Endpoint, route: Route, wording: Wording) -> None:
        # NOTE: what clashes in Crossbar's own words is the module's fault; elsewhere one of the two has no verb.
        own = wording.verbs == CROSSBAR.verbs
        call = getattr(endpoint, route.name)
        if route.pattern:
            picks = tuple(position for position, part in enumerate(route.pattern) if part is None)
            leading = next((at for at, part in enumerate(route.pattern) if part is not None), len(route.pattern))
            bound = Bound(endpoint, route, call, picks, min(leading, endpoint.depths[1]))
            taken = self._place(route.pattern).verbs.setdefault(route.verb or "", bound)
            if own or taken.route.operation is None:
                _refuse_clash(endpoint, taken, bound)
            return
        verbs: tuple[str, ...] = (route.verb or "",)
        if route.operation is not None:
            verbs = (wording.verbs[route.operation], *wording.also.get(route.operation, ()))
        bound = Bound(endpoint, route, call, None, endpoint.depths[1])
        for verb in verbs:
            for depth in range(route.least, min(route.most, DEEPEST) + 1):
                taken = self._place((None,) * depth).verbs.setdefault(verb, bound)
                if own:
                    _refuse_clash(endpoint, taken, bound)
            if route.most >= UNBOUNDED:
                self._deeper = self._deeper or Place((None,))
                self._deeper.verbs.setdefault(verb, bound)


class Place:
    """One place in the path below a noun: what answers there to which verb."""

    __slots__ = ("allow", "pattern", "verbs")

    def __init__(self, pattern: tuple[str | None, ...]) -> None:
        self.pattern = pattern
        self.verbs: dict[str, Bound] = {}
        self.allow = ""


def _refuse_clash(endpoint: Endpoint, taken: Bound, bound: Bound) -> None:
    """Refuse an action and an operation that a dialect would write with the same verb at the same depth."""
    if taken is not bound:
        raise DefinitionError(
            f"{type(endpoint).__name__}: {taken.route.name} and {bound.route.name} would both answer to the same verb "
            "at the same depth; give the action a literal of its own"
        )


def _allow(verbs: Mapping[str, Bound]) -> str:
    """The value of `Allow`: the verbs that are answered, HEAD beside GET, and OPTIONS always."""
    listed = [verb for verb in VERBS if verb in verbs]
    if "GET" in listed:
        listed.insert(1, "HEAD")
    return ", ".join([*listed, "OPTIONS"])
