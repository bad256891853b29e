"""The registry: name to endpoint, checked as they arrive, walkable, with the dispatch of each dialect ready.

Everything that a request needs of it is a dict made here, so that the cost of a look-up does not grow with the number
of endpoints. It needs no store, no authentication and no envelope, and so routes for whoever wants no more:

    found = Registry([Users(), Devices()]).match("GET", "/v2/users/U/devices/D")
    await found.call(None, *found.args)
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .dispatch import CROSSBAR, Dispatch, Place, Wording
from .endpoint import Endpoint
from .errors import MethodNotAllowed, NotFound, RegistrationError, Unavailable
from .routes import Operation
from .target import ALIAS, Noun, Target, is_version, tokenize

if TYPE_CHECKING:
    from .auth import Principal
    from .context import Context
    from .gateway.plain import Routes
    from .hooks import Hooks


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


class Match(NamedTuple):
    """What answers a method and a path: `await call(ctx, *args)` does it, whatever is given for `ctx`.

    `nouns` is the chain of the path, `operation` the name of the endpoint's method, `allow` the value of `Allow`.
    """

    version: str | None
    nouns: tuple[Noun, ...]
    endpoint: Endpoint
    operation: str
    call: Operation
    args: tuple[str, ...]
    allow: str


class Absent(Endpoint):
    """Stands for a module that is not running: its noun stays taken, and every request gets a 503 that says why."""

    greedy = True
    anywhere = True
    owner = "id"  # whose its documents are, nobody knows while it does not run: no user's

    def __init__(self, name: str, why: str = "is out of order; the log names the fault") -> None:
        self.name = name  # type: ignore[misc]
        self.why = why

    async def authenticate(self, ctx: Context) -> Principal:
        """Let everybody as far as the refusal: the module may be the one that lets people in."""
        from .auth import ANONYMOUS

        return ANONYMOUS

    async def find(self, ctx: Context, *args: str) -> None:
        """Refuse, whatever is asked."""
        raise Unavailable(f"the endpoint {self.name!r} {self.why}", retry=30)

    create = replace = patch = delete = find

    async def socket(self, ctx: Context, websocket: object, *args: str) -> None:
        """Refuse a WebSocket, too."""
        await self.find(ctx)


class Registry:
    """Endpoints by name.

    Requests hold on to the registry that they began with: whoever changes the endpoints of a running application puts
    another one in its place. `active` counts the requests under way; `retired` is called when none is left. `hooks`
    are those that run at the operations of the endpoints, None if there are none.
    """

    def __init__(self, endpoints: Iterable[Endpoint] = ()) -> None:
        self.entries: dict[str, Entry] = {}
        self.names: dict[str, Endpoint] = {}
        self.greedy: frozenset[str] = frozenset()
        self.raw: frozenset[str] = frozenset()
        # The first words of actions that are names of endpoints too, by the noun that they belong to.
        self.literals: dict[str, frozenset[str]] = {}
        self.hooks: Hooks | None = None
        # Plain routes of a gateway, which are found before and beside the dialects.
        self.gateway: Routes | None = None
        self.active = 0
        self.retired: Callable[[], None] | None = None
        self._dispatch: dict[str, dict[str, Dispatch]] = {}
        # What others have worked out from the endpoints, such as dialects; forgotten when one is added.
        self.worked_out: dict[object, Any] = {}
        for endpoint in endpoints:
            self.add(endpoint, type(endpoint).__module__)

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
        for slot, entry in [*_slots(endpoint, origin), *_slots_of(self.entries.values())]:
            if slot == name or (entry.endpoint is endpoint and slot in self.entries):
                noun = origin if slot == name else self.entries[slot].origin
                raise RegistrationError(
                    f"the attachment {slot!r} of {entry.name!r} from {entry.origin} is called like the endpoint from "
                    f"{noun}, so that no path would lead to it; rename one of them"
                )
        self.entries[name] = Entry(endpoint, origin, fault)
        self.names[name] = endpoint
        if endpoint.greedy:
            self.greedy |= {name}
        if endpoint.raw:
            self.raw |= {name}
        self._dispatch.clear()
        self.worked_out.clear()
        self.literals = dict(_literals(self.names))

    def dispatch(self, wording: Wording) -> dict[str, Dispatch]:
        """What answers where, by the name of the noun, in the verbs of a dialect."""
        found = self._dispatch.get(wording.name)
        if found is None:
            # NOTE: what takes requests as they are takes them with any method, whatever that means in a dialect.
            found = {
                name: Dispatch(endpoint, CROSSBAR if endpoint.raw else wording) for name, endpoint in self.names.items()
            }
            self._dispatch[wording.name] = found
        return found

    def place(self, nouns: tuple[Noun, ...], wording: Wording, target: Target, raw_path: bytes) -> Place:
        """What answers at the end of a chain of nouns; NotFound, saying how far the path resolved, if nothing does.

        `target` and `raw_path` are what the nouns were read from.
        """
        if not nouns:
            raise self._unknown(wording, target, nouns, (), raw_path)
        last, before = nouns[-1], nouns[:-1]
        for position, noun in enumerate(before):
            endpoint = self.names[noun.name]
            least, most = endpoint.depths
            if not max(least, 1) <= len(noun.args) <= most:
                raise self._unknown(wording, target, nouns[: position + 1], noun.args[most:], raw_path)
            if isinstance(endpoint, Absent):
                raise Unavailable(f"the endpoint {wording.word(noun.name)!r} {endpoint.why}", retry=30)
            child = self.names[nouns[position + 1].name]
            if not endpoint.tenants and not self._is_parent(noun.name, nouns[position + 1 :]):
                raise NotFound(
                    f"{wording.word(child.name)!r} does not answer below {wording.word(noun.name)!r}",
                    word="faulty_request",
                    details=_extent(wording, target, nouns),
                )
        place = self.dispatch(wording)[last.name].at(last.args)
        if place is None:
            surplus = last.args[self.names[last.name].depths[1] :]
            raise self._unknown(wording, target, nouns, surplus, raw_path)
        return place

    def match(
        self, method: str, path: str | bytes, *, account: str | None = None, wording: Wording = CROSSBAR
    ) -> Match:
        """What answers a method and a raw path (without its query).

        `account` is what the noun `account` stands for where a path begins with it. Raises BadRequest for a malformed
        path, NotFound where nothing answers, MethodNotAllowed where something else does.
        """
        raw_path = path.encode() if isinstance(path, str) else path
        target = tokenize(raw_path, self.names, self.greedy, self.literals)
        nouns = target.nouns
        if nouns and nouns[0].name == ALIAS:
            if account is None or "accounts" not in self.names:
                raise NotFound(f"{ALIAS!r} stands for nobody here: name the account in the path")
            own = Noun("accounts", (account, *nouns[0].args))
            nouns = tuple([own if noun.name == ALIAS else noun for noun in nouns])
        place = self.place(nouns, wording, target, raw_path)
        bound = place.verbs.get("GET" if method == "HEAD" else method)
        if bound is None:
            raise MethodNotAllowed(place.allow)
        args = bound.arguments(nouns[-1].args)
        return Match(target.version, nouns, bound.endpoint, bound.route.name, bound.call, args, place.allow)

    def lacks(self, pattern: str) -> str | None:
        """Whether no operation is there that a pattern of hooks names: None if one is, or else what may be meant."""
        name, _, operation = pattern.partition(".")
        if name == "*":
            return None
        entry = self.entries.get(name)
        if entry is None:
            near = self.nearest(name)
            return f"{near}.{operation}" if near else ""
        routes = [route.name for route in entry.endpoint.routes]
        if operation == "*" or operation in routes or entry.fault:
            return None
        return next((f"{name}.{near}" for near in difflib.get_close_matches(operation, routes, 1, 0.6)), "")

    def nearest(self, name: str) -> str | None:
        """The endpoint whose name looks most like this one."""
        return next(iter(difflib.get_close_matches(name, self.names, 1, 0.6)), None)

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self.entries.values(), key=lambda entry: entry.name))

    def __len__(self) -> int:
        return len(self.entries)

    def _is_parent(self, name: str, later: tuple[Noun, ...]) -> bool:
        """Whether one of the later nouns, in the same tenant, has this one as a parent."""
        # What belongs to users belongs to those who are called otherwise too.
        kind = getattr(self.names[name], "kind", name)
        for noun in later:
            endpoint = self.names[noun.name]
            if endpoint.tenants:
                return False
            # What the parents of a module that is not running would be, nobody knows.
            if name in endpoint.parents or kind in endpoint.parents or isinstance(endpoint, Absent):
                return True
        return False

    def _unknown(
        self, wording: Wording, target: Target, nouns: tuple[Noun, ...], surplus: tuple[str, ...], raw_path: bytes
    ) -> NotFound:
        """A 404 that says how far the path resolved and which endpoint may have been meant."""
        if not nouns:
            # The chain broke at its first token, or at the one after the alias for the caller's own account.
            path = raw_path.decode("latin-1")
            prefix = next((each for each in getattr(wording, "prefixes", ()) if path.startswith(each)), "")
            tokens = path.removeprefix(prefix).split("/")[2 if target.version and not prefix else 1 :]
            surplus = tuple([token for token in tokens if token != ALIAS][:1])
        words = [*map(wording.word, self.names), *_also(wording, self.names)]
        nearest = {token: near[0] for token in surplus if (near := difflib.get_close_matches(token, words, 1, 0.6))}
        wrong = surplus[0] if surplus else ""
        if nearest:
            wrong, nearest_word = next(iter(nearest.items()))
            message = f"no endpoint named {wrong!r}; did you mean {nearest_word!r}?"
        elif nouns:
            message = f"nothing answers at {'/'.join([wording.word(nouns[-1].name), *nouns[-1].args])!r}"
        else:
            message = f"no endpoint named {wrong!r}" if wrong else "the path names no endpoint"
        return NotFound(message, details=_extent(wording, target, nouns, surplus))


def _also(wording: Wording, names: Mapping[str, Endpoint]) -> Iterator[str]:
    """The further words that a dialect has for these nouns."""
    nouns: Mapping[str, str] = getattr(getattr(wording, "words", None), "nouns", {})
    return (word for word, noun in nouns.items() if noun in names)


def _slots(endpoint: Endpoint, origin: str) -> Iterator[tuple[str, Entry]]:
    """The attachments of an endpoint by their names."""
    return _slots_of([Entry(endpoint, origin)])


def _slots_of(entries: Iterable[Entry]) -> Iterator[tuple[str, Entry]]:
    """The attachments of endpoints by their names."""
    for entry in entries:
        for slot in entry.endpoint.attachments:
            yield (slot if isinstance(slot, str) else slot.name), entry


def _literals(names: dict[str, Endpoint]) -> Iterator[tuple[str, frozenset[str]]]:
    """The first words of each endpoint's actions that are names of endpoints too."""
    for name, endpoint in names.items():
        words = {route.pattern[0] for route in endpoint.routes if route.pattern and route.pattern[0]}
        if shared := frozenset(word for word in words if word in names):
            yield name, shared


def _extent(
    wording: Wording, target: Target, nouns: tuple[Noun, ...], surplus: tuple[str, ...] = ()
) -> dict[str, list[str]]:
    """How far the path resolved: the version, then each noun with its arguments, without the surplus ones."""
    resolved = [target.version or ""]
    for noun in nouns:
        args = noun.args[: len(noun.args) - len(surplus)] if noun is nouns[-1] else noun.args
        resolved.append("/".join([wording.word(noun.name), *args]))
    return {"resolved": resolved}
