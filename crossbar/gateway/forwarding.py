"""Header fields on their way through the gateway: what stays behind, what goes on, and what a route makes of it. Pure.

Fields are pairs of bytes with names in lower case, as ASGI has them. What comes from outside is taken out first, and
what the gateway says itself is added after that, so that nobody can make a field of ours disappear.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from ..errors import BadRequest
from ..fields import Fields
from ..settings import FieldRules

HOP_BY_HOP = frozenset(
    b"connection proxy-connection keep-alive te transfer-encoding upgrade proxy-authenticate proxy-authorization "
    b"proxy-authentication-info trailer alt-svc http2-settings".split()
)
"""What is said to the next neighbour only, whether `Connection` names it or not (RFC 9110, 7.6.1)."""
FRAMED = HOP_BY_HOP | {b"content-length", b"expect"}
"""What never goes on as it came: of each connection its own, and how a body is framed is for whoever sends it."""
REPLACED = frozenset(b"host via traceparent tracestate x-request-id".split())
"""Request fields that the gateway sends in words of its own."""
GUARDED = REPLACED | frozenset(
    b"authorization content-encoding content-length content-type cookie idempotency-key x-auth-token".split()
)
"""What `Connection` must not name: a request without it would mean something else."""

_USUAL = frozenset({b"", b"keep-alive", b"Keep-Alive", b"close", b"Close"})
_NAME = re.compile(rb"[0-9A-Za-z!#$%&'*+.^_`|~-]+")
_CONTROLS = bytes({*range(32), 127} - {9})
_PLAIN = bytes([sign if chr(sign).isalnum() and sign < 128 else ord("-") for sign in range(256)]).lower()
"""What becomes of each sign of a name where names are compared."""
_NOT_FOR_RULES = FRAMED | {b"host"}
_KEPT, _DROPPED, _CONNECTION = range(3)
_MOST_NAMES = 256
_LONGEST_NAME = 64


class _Fates(dict[bytes, int]):
    """What becomes of a field, by its name."""

    def __init__(self, names: frozenset[bytes], prefixes: tuple[bytes, ...], spared: frozenset[bytes]) -> None:
        super().__init__()
        self._names = names
        self._prefixes = prefixes
        self._spared = spared

    def __missing__(self, name: bytes) -> int:
        """Find out what becomes of it, and remember that; names are the client's, so there is an end to it."""
        fate = self.of(name)
        if len(name) <= _LONGEST_NAME:
            if len(self) >= _MOST_NAMES:
                self.clear()
            self[name] = fate
        return fate

    def of(self, name: bytes) -> int:
        """What becomes of a field, without remembering it."""
        # NOTE: to CGI and its kin, `X_Forwarded_For` or `X.Forwarded.For` and `X-Forwarded-For` are one variable; so
        # they are one field here.
        plain = name.translate(_PLAIN)
        if plain == b"connection":
            return _CONNECTION
        if name in self._spared:
            return _KEPT
        if plain in self._names or plain.startswith(self._prefixes) or not _NAME.fullmatch(name):
            return _DROPPED
        return _KEPT


class Dropper:
    """Takes fields out of a message: by name or prefix, with any sign for `-`, and what `Connection` names.

    `spared` names stay even so. With `guarded`, a `Connection` that names one of these, or a field that is taken out
    here for another reason than being hop-by-hop, is refused. A field whose name is no token goes no further either.
    """

    __slots__ = ("_fates", "_guarded")

    def __init__(
        self,
        names: frozenset[bytes] = FRAMED,
        prefixes: tuple[bytes, ...] = (),
        *,
        spared: frozenset[bytes] = frozenset(),
        guarded: frozenset[bytes] = frozenset(),
    ) -> None:
        self._fates = _Fates(names, prefixes, spared)
        self._guarded = guarded

    def kept(self, fields: Iterable[tuple[bytes, bytes]]) -> Fields:
        """The fields that go on, in their order; BadRequest for a `Connection` that names what is guarded."""
        # PERF: one pass with one look-up each. Names are judged once, and a `Connection` hardly ever names anything.
        fates = self._fates
        kept: Fields = []
        named: set[bytes] = set()
        for pair in fields:
            fate = fates[pair[0]]
            if not fate:
                kept.append(pair)
            elif fate == _CONNECTION and pair[1] not in _USUAL:
                named |= _options(pair[1])
        if not named:
            return kept
        if self._guarded:
            taken = {name for name in named - HOP_BY_HOP if self._fates.of(name) != _KEPT}
            _refuse(named, self._guarded | taken)
        return [pair for pair in kept if pair[0] not in named]


_OF_RESPONSES = Dropper(FRAMED | {b"x-request-id"})
_WITHOUT_CORS = Dropper(FRAMED | {b"x-request-id"}, (b"access-control-",))


def response_fields(fields: Iterable[tuple[bytes, bytes]], cors_is_ours: bool) -> Fields:
    """The fields of a response that the client gets; ValueError if a value has a control character in it.

    `Content-Length` is not among them, nor `X-Request-ID`, which is ours, nor with `cors_is_ours` what the upstream
    says about pages of other sites. NOTE: an upstream's own security fields are; `fields.secure` adds what it left out.
    """
    kept = (_WITHOUT_CORS if cors_is_ours else _OF_RESPONSES).kept(fields)
    # PERF: all values are looked through at once.
    text = b"".join([value for _, value in kept])
    if len(text.translate(None, _CONTROLS)) != len(text):
        name = next(name for name, value in kept if len(value.translate(None, _CONTROLS)) != len(value))
        raise ValueError(f"the field {name.decode()!r} of the response has a control character in its value")
    return kept


def via(fields: Iterable[tuple[bytes, bytes]], pseudonym: bytes, version: bytes) -> bytes:
    """The value of `Via` to send on: those that came, in their order, and us (RFC 9110, 7.6.3).

    `version` is that of the protocol in which the message came, such as `1.1`.
    """
    ours = b"%b %b" % (version, pseudonym)
    came = [value for name, value in fields if name == b"via" and value]
    return b", ".join([*came, ours]) if came else ours


def loops(fields: Iterable[tuple[bytes, bytes]], pseudonym: bytes) -> bool:
    """Whether a message has been here before, by what its `Via` says."""
    for name, value in fields:
        if name == b"via" and pseudonym.lower() in value.lower():
            for hop in value.lower().split(b","):
                # The protocol, who received it, and perhaps a comment.
                words = hop.split(None, 2)
                if len(words) > 1 and words[1] == pseudonym.lower():
                    return True
    return False


def counted_down(method: str, fields: Fields) -> bool:
    """Count `Max-Forwards` of a TRACE or OPTIONS down in place; False if it goes no further (RFC 9110, 7.6.2).

    BadRequest if there is no number in it, or if there are several. Other methods may have such a field; it means
    nothing there.
    """
    if method not in ("OPTIONS", "TRACE"):
        return True
    found = [place for place, pair in enumerate(fields) if pair[0] == b"max-forwards"]
    if not found:
        return True
    value = fields[found[0]][1]
    if len(found) > 1 or not value.isdigit() or len(value) > 10:
        raise BadRequest("Max-Forwards is one whole number of at most ten digits", word="bad_header")
    left = int(value)
    if left:
        fields[found[0]] = (b"max-forwards", b"%d" % (left - 1))
    return left > 0


class Rules:
    """The field rules of a route, ready for use; false if there are none.

    ValueError, with every fault in a sentence, for rules about `Host` or about the framing of a message: a second one
    of these, or a wrong one, lets two servers read the same bytes as different messages (RFC 9112, 11.2).
    """

    __slots__ = ("_gone", "_new")

    def __init__(self, rules: FieldRules) -> None:
        faults = _faults(rules)
        if faults:
            raise ValueError("; ".join(faults))
        self._gone = frozenset(_name(name) for name in (*rules.remove, *rules.set))
        pairs = (*rules.set.items(), *rules.add.items())
        self._new = tuple([(_name(name), value.strip(" \t").encode("ascii")) for name, value in pairs])

    def __bool__(self) -> bool:
        return bool(self._gone or self._new)

    def apply(self, fields: Fields) -> None:
        """Change fields in place: remove, then set, which leaves one field of that name, then add."""
        gone = self._gone
        if gone:
            fields[:] = [pair for pair in fields if pair[0] not in gone]
        fields += self._new


def _options(value: bytes) -> set[bytes]:
    """The names in a `Connection` value, in lower case."""
    return {option.strip(b" \t").lower() for option in value.split(b",")} - {b""}


def _refuse(named: set[bytes], guarded: frozenset[bytes]) -> None:
    """Raise BadRequest if one of the named fields is guarded."""
    for name in sorted(named):
        if name in guarded or name.translate(_PLAIN) in guarded:
            raise BadRequest(
                f"Connection names {name.decode('latin-1')!r}, which is no field of one connection: leave it out",
                word="bad_header",
            )


def _name(name: str) -> bytes:
    return name.lower().encode("ascii")


def _faults(rules: FieldRules) -> list[str]:
    """What is wrong with the rules, a sentence each."""
    faults = []
    for verb, names in (("remove", rules.remove), ("set", rules.set), ("add", rules.add)):
        for name in names:
            if _name(name) == b"host":
                faults.append(f"{verb}: {name!r} is for the setting `host` of the upstream to say")
            elif _name(name) in _NOT_FOR_RULES:
                faults.append(f"{verb}: {name!r} belongs to the connection and is written by the server: leave it out")
    twice = Counter(map(_name, rules.set))
    faults += [f"set: {name.decode()!r} is there more than once" for name, times in twice.items() if times > 1]
    return faults
