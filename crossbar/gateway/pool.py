"""The targets of an upstream: which one a call goes to, and which are left alone for a while. Pure: clock passed in.

A target is `ok`, or `ejected` for a time because calls of it failed, or `sick` because active checks say so. Being
ejected is a guess, being sick is known: an ejected target is called after all when nothing else is left to try, a sick
one never. What the settings say in words is read here as well; ValueError says what is wrong with it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import accumulate
from random import Random
from typing import Any

from ..settings.gateway import seconds
from .retries import IDEMPOTENT, Retry, RetryBudget

__all__ = ["IDEMPOTENT", "Ejection", "Pool", "Retry", "RetryBudget", "Target"]

LONGEST = 300.0
"""Seconds that an ejection lasts at most, unless the settings begin with more."""

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*\.?")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(:(?P<port>.*))?")
_SPAN = r"([0-9]+(?:\.[0-9]+)?(?:ms|s|min|h))"
_EJECTION = re.compile(rf"after ([1-9][0-9]*) failures in {_SPAN} for {_SPAN}")


class Target:
    """One server of an upstream, by its URL, such as `http://10.0.0.12:9000/base`.

    `origin` is the scheme and authority for a transport, `host_field` the value of `Host`, `base` the raw path before
    that of a call, without a slash at its end. `active` is how many calls are under way: whoever calls counts them.
    `sick`, and all that follows it, changes through the pool: `failures` are those in a row and `recent` their times
    as far as they count, `until` is when the ejection ends or ended, `row` how many there were in a row, and `trial`
    says that it was called all the same.
    """

    __slots__ = (
        *("active", "base", "failures", "host_field", "origin", "recent", "row", "secure", "sick", "text", "trial"),
        *("until", "weight", "why"),
    )

    def __init__(self, text: str, weight: int = 1) -> None:
        scheme, authority, path = _split(text)
        self.text = text
        self.origin = f"{scheme}://{authority}"
        self.host_field = authority.encode()
        self.base = path.rstrip("/").encode()
        self.secure = scheme == "https"
        self.weight = weight
        self.active = 0
        self.sick = False
        self.failures = 0
        self.recent: deque[float] = deque()
        self.until = 0.0
        self.row = 0
        self.trial = False
        self.why = ""

    def __repr__(self) -> str:
        return f"<Target {self.text} weight={self.weight}>"

    @classmethod
    def parse(cls, text: str) -> Target:
        """The target that a setting names, with ` weight=2` behind its URL or without; ValueError if it is none."""
        url, space, rest = text.partition(" ")
        if not space:
            return cls(url)
        weight = re.fullmatch(r"weight=([1-9][0-9]{0,3})", rest)
        if weight is None:
            raise ValueError(f"{_shown(text)}: only a weight may stand behind a URL, from weight=1 to weight=9999")
        return cls(url, int(weight[1]))


@dataclass(frozen=True, slots=True)
class Ejection:
    """When a target is left alone, and for how long.

    That is after so many `failures` in a row within `window` seconds, for `span` seconds; each further time in a row
    lasts a span longer, LONGEST at most, and each span without an ejection takes one time off. 0 failures: never.
    """

    failures: int = 0
    window: float = 0.0
    span: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Ejection:
        """The rule in words: `after 5 failures in 10s for 30s`, or `never`; ValueError if it is none."""
        if text == "never":
            return cls()
        found = _EJECTION.fullmatch(text)
        if found is None or not seconds(found[2]) or not seconds(found[3]):
            raise ValueError(
                f'{text!r} is no rule of ejection: write "after 5 failures in 10s for 30s", no time of 0, or "never"'
            )
        return cls(int(found[1]), seconds(found[2]), seconds(found[3]))


class Pool:
    """The targets of one upstream. `clock` gives monotonic seconds; ValueError if there is none, or one twice."""

    def __init__(
        self, targets: Sequence[Target], ejection: Ejection, clock: Callable[[], float], random: Random
    ) -> None:
        if not targets:
            raise ValueError("there is no target: name at least one, such as http://10.0.0.12:9000")
        places: dict[tuple[str, bytes], Target] = {}
        for target in targets:
            other = places.setdefault((target.origin, target.base), target)
            if other is not target:
                raise ValueError(f"{other.text!r} and {target.text!r} are the same target: keep one, with a weight")
        self.targets = tuple(targets)
        self.ejection = ejection
        self._clock = clock
        self._random = random.random
        self._sums = list(accumulate(target.weight for target in targets))
        self._only = targets[0] if len(targets) == 1 else None
        self._most = len(targets) // 2 if ejection.failures else 0
        self._whole = True

    def pick(self, avoid: Collection[Target] = ()) -> Target | None:
        """The target for a call: of two that are drawn by their weights, the one with less to do; None if all are sick.

        `avoid` are those that this call has failed with: they are not tried again while there is another, be it an
        ejected one. A target that is drawn first and has nothing to do is taken, so that weights hold without load.
        """
        # PERF: most upstreams have one target, and most of the others all of theirs in order.
        if self._only is not None:
            return None if self._only.sick else self._only
        if self._whole and not avoid:
            return self._draw(self.targets, self._sums)
        return self._find(avoid)

    def succeeded(self, target: Target) -> None:
        """Note that a call went well: failures before it no longer count, and a trial has ended the ejection."""
        if target.failures:
            target.failures = 0
            target.recent.clear()
        if target.trial:
            target.trial = False
            target.until = min(target.until, self._clock())

    def failed(self, target: Target, why: str) -> bool:
        """Note that a call came to nothing, and why; True if the target is ejected for it."""
        target.failures += 1
        target.why = why
        target.trial = False
        now, rule = self._clock(), self.ejection
        if not self._most or target.sick or target.until > now:
            # NOTE: calls that began before an ejection fail during it; they tell nothing of the time after it.
            return False
        recent = target.recent
        recent.append(now)
        while len(recent) > rule.failures or recent[0] < now - rule.window:
            recent.popleft()
        if len(recent) < rule.failures or sum(each.until > now for each in self.targets) >= self._most:
            return False
        recent.clear()
        longest = max(LONGEST, rule.span)
        target.row = max(target.row - int((now - target.until) // rule.span), 0) + 1
        # NOTE: no more in a row than the longest has room for, or a long bad time would take as long to be forgotten.
        target.row = min(target.row, int(-(-longest // rule.span)))
        target.until = now + min(rule.span * target.row, longest)
        self._whole = False
        return True

    def found(self, target: Target, well: bool, why: str = "") -> None:
        """Note what active checks say of a target: what was guessed of it before no longer counts."""
        target.sick = not well
        target.until = min(target.until, self._clock())
        target.failures = 0
        target.recent.clear()
        if not well:
            target.why = why
            self._whole = False

    def states(self) -> list[dict[str, Any]]:
        """What is known of each target: its URL, weight and calls under way, its state, and how it last failed.

        `until` is for how many seconds it is still ejected, `failures` are those in a row, `why` is empty before any.
        """
        now = self._clock()
        return [
            {
                "target": target.text,
                "weight": target.weight,
                "active": target.active,
                "state": "sick" if target.sick else "ejected" if target.until > now else "ok",
                "until": max(target.until - now, 0.0),
                "failures": target.failures,
                "why": target.why,
            }
            for target in self.targets
        ]

    def _find(self, avoid: Collection[Target]) -> Target | None:
        """The target for a call when some are out of order or were tried."""
        now = self._clock()
        well = [target for target in self.targets if not target.sick]
        untried = [target for target in well if target not in avoid] or well
        able = [target for target in untried if target.until <= now]
        self._whole = len(able) == len(self.targets)
        left = able or untried
        if not left:
            return None
        target = left[0] if len(left) == 1 else self._draw(left, [*accumulate(target.weight for target in left)])
        target.trial = not able
        return target

    def _draw(self, targets: Sequence[Target], sums: Sequence[int]) -> Target:
        """Of two different targets drawn by weight the one with less to do for its weight; `sums` adds up weights."""
        index = bisect_right(sums, int(self._random() * sums[-1]))
        first = targets[index]
        if not first.active:
            return first
        # The second is drawn as if the first were not there: what lies behind it moves up.
        point = int(self._random() * (sums[-1] - first.weight))
        second = targets[bisect_right(sums, point if point < sums[index] - first.weight else point + first.weight)]
        return second if (second.active + 1) * first.weight < (first.active + 1) * second.weight else first


def _split(text: str) -> tuple[str, str, str]:
    """The scheme, authority without the usual port, and path of the URL of a target; ValueError if it is none."""
    shown = _shown(text)
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError(f"{shown} has a space or a character outside ASCII in it: a name is written as xn--...")
    scheme, _, rest = text.partition("://")
    if scheme not in _PORTS:
        raise ValueError(f"{shown} is no target: it begins with http:// or https://")
    if "?" in rest or "#" in rest:
        raise ValueError(f"{shown} has a query or a fragment: a target ends with its path")
    place, slash, path = rest.partition("/")
    if "@" in place:
        raise ValueError(f"{shown} has a user before the @: set `authorization` by the rules of the route")
    found = _AUTHORITY.fullmatch(place)
    if found is None:
        raise ValueError(f"{shown} is no host and port: an IPv6 address is written as http://[::1]:9000")
    host, port = found["host"].lower(), found["port"]
    if not _is_host(host):
        raise ValueError(f"{shown} has {f'no host {host!r}' if host else 'no host'}: write http://10.0.0.12:9000")
    if port is not None and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65_536):
        raise ValueError(f"{shown} has no port {port!r}: it is a number from 1 to 65535, or left out with its colon")
    if {".", ".."} & {*path.split("/")}:
        raise ValueError(f"{shown} has a dot segment in its path: write the path that is meant")
    usual = port is None or int(port) == _PORTS[scheme]
    return scheme, host if usual else f"{host}:{int(port)}", slash + path


def _shown(text: str) -> str:
    """The URL as a message may repeat it: what is before an @ may be a password."""
    return repr(text.rpartition("@")[2])


def _is_host(host: str) -> bool:
    """Whether this is an address or a name; what ends with a number is an address (WHATWG URL, 3.5)."""
    try:
        if host.startswith("["):
            return "%" not in host and IPv6Address(host[1:-1]) is not None
        if host.rpartition(".")[2].isdigit():
            return IPv4Address(host) is not None
    except ValueError:
        return False
    return _NAME.fullmatch(host) is not None
