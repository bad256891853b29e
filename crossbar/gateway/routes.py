"""A route of the gateway in the form in which requests use it: everything about it that can be known beforehand is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .. import settings
from ..cors import Cors
from ..errors import BadRequest, Forbidden
from ..limits.buckets import Table
from ..settings.gateway import Timeouts, seconds
from .access import Access, facts
from .forwarding import Dropper, Rules
from .patterns import Pattern, Rewrite, ambiguous, climbs
from .quotas import take
from .retries import Retry
from .upstreams import Service

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched
    from .merging import Merge

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Times:
    """The time limits of a call, in seconds; 0 for none."""

    first_byte: float
    idle: float
    total: float


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """One route: what it matches, who may use it, and what becomes of a request.

    It leads to a `service`, to the parts of a `merge`, but never to both. `tail` is the part of the pattern behind the
    noun, for a route that is a noun.
    """

    name: str
    settings: settings.Route
    pattern: Pattern
    noun: str
    heads: tuple[tuple[str, str], ...]
    tail: Pattern | None
    access: Access
    table: Table
    service: Service | None
    rewrite: Rewrite | None
    merge: Merge | None
    times: Times
    retry: Retry
    body: int
    cors: Cors | None
    request: Rules
    response: Rules
    dropper: Dropper
    opens: bool
    guarded: bool
    whole_host: bool
    yields: bool

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it is for, any if there are none; what is merged is only ever read."""
        return self.settings.methods or (("GET",) if self.merge is not None else ())

    @property
    def drops_tokens(self) -> bool:
        """Whether tokens of ours in a query are for us alone."""
        return self.settings.token == "drop"

    def refuse_ambiguous(self, ctx: Context) -> None:
        """Raise BadRequest for a path that the upstream could read otherwise than it was read here."""
        path = ctx.raw_path
        if self.guarded and not self.settings.encoded_slashes:
            wrong = ambiguous(path)
            if wrong:
                raise BadRequest(wrong, word="bad_path")
        elif not self.whole_host and climbs(path):
            raise BadRequest("the path has a segment of dots, which would lead out of this route", word="bad_path")

    def permit(self, ctx: Context, matched: Matched) -> None:
        """Raise Forbidden if the route's rule is against it, and TooManyRequests if it is asked too often."""
        access = self.access
        if access.policy is not None and not access.policy(facts(ctx, matched)):
            raise Forbidden("the rules of this route are against it")
        if access.limits:
            take(ctx, matched, access.limits, self.table)


class RouteFault(ValueError):
    """Something in the settings of a route is wrong; the message begins with the key below it."""


def words(said: tuple[str, ...] | str) -> tuple[str, ...]:
    """One or several, as a tuple."""
    return (said,) if isinstance(said, str) else tuple(said)


def compiled(key: str, make: Callable[[], T]) -> T:
    """What is made of a setting; RouteFault, with its key, if it cannot be."""
    try:
        return make()
    except ValueError as error:
        raise RouteFault(f"{key}: {error}") from None


def times_of(route: settings.Route, of: Timeouts) -> Times:
    """The time limits of a route: those of its upstream, unless it has its own."""
    said = {name: route.timeout.get(name, getattr(of, name)) for name in ("first_byte", "idle", "total")}
    return Times(**{name: seconds(text) for name, text in said.items()})
