"""The trace that a request belongs to, as it is told to the upstream (W3C Trace Context).

The gateway takes part in a trace: it goes on with the one that it is told of, or begins one, and is itself the parent
of what the upstream does. It has nothing to remember in `tracestate` and adds no member to it, which is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_MEMBER = re.compile(rb"([a-z0-9][a-z0-9_*/@-]{0,255})=[ -+\--<>-~]{0,255}[!-+\--<>-~]")
_NO_TRACE = b"0" * 32
_NO_PARENT = b"0" * 16
_BLANKS = b" \t"
_MOST_MEMBERS = 32
# Of the flags, two are defined, and the others are sent as zero: sampled, and that the trace id was drawn at random.
_FLAGS = 0b11
# NOTE: the one who begins a trace and records nothing says "not sampled".
_NEW_FLAGS = b"02"


def traced(fields: Iterable[tuple[bytes, bytes]], new_id: Callable[[int], bytes]) -> tuple[bytes, bytes | None]:
    """The values of `traceparent` and `tracestate` to send on, None if there is no state to tell.

    `new_id` gives so many random bytes, not all of them zero. A parent that cannot be understood, or that is told more
    than once, begins a new trace, and what `tracestate` says is for the old one. A state that breaks its rules is not
    sent on; of two members with one key the first stays, which is the later one ("Combined Header Value").
    """
    parents: list[bytes] = []
    states: list[bytes] = []
    for name, value in fields:
        if name == b"traceparent":
            parents.append(value)
        elif name == b"tracestate":
            states.append(value)
    told = _told(parents[0]) if len(parents) == 1 else None
    if told is None:
        return b"00-%b-%b-%b" % (new_id(16).hex().encode(), new_id(8).hex().encode(), _NEW_FLAGS), None
    trace, flags = told
    return b"00-%b-%b-%02x" % (trace, new_id(8).hex().encode(), flags), _state(states) if states else None


def _told(value: bytes) -> tuple[bytes, int] | None:
    """The trace id and the flags of a `traceparent`, None if it cannot be understood.

    Of a later version than 00 the first four parts are read as if it were 00, and what follows is left ("Versioning of
    traceparent").
    """
    match = _PARENT.fullmatch(value.strip(_BLANKS))
    if match is None:
        return None
    version, trace, parent, flags, more = match.groups()
    if version == b"ff" or (version == b"00" and more is not None) or trace == _NO_TRACE or parent == _NO_PARENT:
        return None
    return trace, int(flags, 16) & _FLAGS


def _state(values: list[bytes]) -> bytes | None:
    """The members of all `tracestate` fields in one (RFC 9110, 5.3); None if there are none, or if one is malformed."""
    members: dict[bytes, bytes] = {}
    number = 0
    for member in b",".join(values).split(b","):
        member = member.strip(_BLANKS)
        if not member:
            continue
        number += 1
        match = _MEMBER.fullmatch(member)
        if match is None or number > _MOST_MEMBERS:
            return None
        members.setdefault(match[1], member)
    return b",".join(members.values()) or None
