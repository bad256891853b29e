"""A short text that a regular expression matches, for the examples that `crossbar new` makes of a schema.

It reads what the patterns of JSON Schemas are made of: characters, classes, groups, alternatives and repetitions. What
looks ahead, behind or back is beyond it, and says so by None.
"""

from __future__ import annotations

import string

# The characters that classes are made of, those first that look best in an example.
_PLAIN = "a1A0bcdefghijklmnopqrstuvwxyz23456789BCDEFGHIJKLMNOPQRSTUVWXYZ-_ .,:;/@#+*!?'\"()[]{}<>=&%$^|~`\\\t\n"
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_BLANK = frozenset(" \t\n\r\f\v")
_SHORTHANDS = {"d": frozenset(string.digits), "w": _WORD, "s": _BLANK}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_PROPERTIES = {"L": "a", "Ll": "a", "Lu": "A", "N": "1", "Nd": "1", "Letter": "a"}
_MOST = 10_000


class _Unknown(ValueError):
    """The pattern has something that is not read here."""


def matched_by(pattern: str, longer: int = 0) -> str | None:
    """A text that the pattern should match, None if it cannot be told.

    Repetitions are made as few times as they may be, and `longer` times more where they may. It is a proposal: whoever
    uses it asks the validator.
    """
    reader = _Reader(pattern, longer)
    try:
        text = reader.alternatives()
        text.encode()  # half of a surrogate pair is no text
    except (ValueError, IndexError, OverflowError):
        return None
    return text if reader.at_end() and len(text) <= _MOST else None


class _Reader:
    """Reads a pattern from left to right, and makes the text as it goes."""

    def __init__(self, pattern: str, longer: int) -> None:
        self._pattern = pattern
        self._longer = longer
        self._at = 0

    def at_end(self) -> bool:
        """Whether all of the pattern is read."""
        return self._at == len(self._pattern)

    def alternatives(self) -> str:
        """The text of the first alternative; the others are read over."""
        made = self._sequence()
        while self._next_is("|"):
            self._sequence()
        return made

    def _sequence(self) -> str:
        made = ""
        while not self.at_end() and self._pattern[self._at] not in "|)":
            piece = self._piece()
            made += piece * self._times()
            if len(made) > _MOST:
                raise _Unknown
        return made

    def _piece(self) -> str:
        """The text of a character, a class or a group."""
        if self._next_is("("):
            return self._group()
        if self._next_is("["):
            return self._class()
        if self._next_is("\\"):
            return self._escape()
        character = self._take()
        if character in "^$":
            return ""
        if character in "*+?":
            raise _Unknown
        return "a" if character == "." else character

    def _group(self) -> str:
        if self._next_is("?"):
            self._next_is("P")
            if self._next_is("<") and self._pattern[self._at] not in "=!":
                self._at = self._pattern.index(">", self._at) + 1
            elif not self._next_is(":"):
                raise _Unknown
        made = self.alternatives()
        if not self._next_is(")"):
            raise _Unknown
        return made

    def _class(self) -> str:
        """A character of a class, a plain one if it has any."""
        negated = self._next_is("^")
        members: set[str] = set()
        while not self._next_is("]"):
            first = self._member()
            if len(first) == 1 and self._pattern[self._at] == "-" and self._pattern[self._at + 1] != "]":
                self._at += 1
                last = self._member()
                if len(last) != 1:
                    raise _Unknown
                members.update(map(chr, range(ord(min(first)), min(ord(min(last)), ord(min(first)) + 0xFFF) + 1)))
            else:
                members |= first
        found = next((character for character in _PLAIN if (character in members) is not negated), None)
        if found is None and (negated or not members):
            raise _Unknown
        return found or min(members)

    def _member(self) -> frozenset[str]:
        """The characters that one member of a class stands for."""
        if not self._next_is("\\"):
            return frozenset(self._take())
        following = self._pattern[self._at]
        if following in _SHORTHANDS:
            self._at += 1
            return _SHORTHANDS[following]
        return frozenset(self._escape())

    def _escape(self) -> str:
        """The text of what stands after a backslash."""
        following = self._take()
        if following in _SHORTHANDS:
            return "1" if following == "d" else "a" if following == "w" else " "
        if following in ("D", "W", "S"):
            return "-" if following == "W" else "a"
        if following in _CONTROLS:
            return _CONTROLS[following]
        if following in ("x", "u"):
            digits = 2 if following == "x" else 4
            self._at += digits
            return chr(int(self._pattern[self._at - digits : self._at], 16))
        if following == "p" and self._next_is("{"):
            end = self._pattern.index("}", self._at)
            name, self._at = self._pattern[self._at : end], end + 1
            if name in _PROPERTIES:
                return _PROPERTIES[name]
        if following.isalnum():
            raise _Unknown
        return following

    def _times(self) -> int:
        """How often the piece before stands."""
        if self._next_is("*"):
            least, most = 0, None
        elif self._next_is("+"):
            least, most = 1, None
        elif self._next_is("?"):
            least, most = 0, 1
        elif self._next_is("{"):
            end = self._pattern.index("}", self._at)
            low, comma, high = self._pattern[self._at : end].partition(",")
            self._at = end + 1
            least = int(low or 0)
            most = int(high) if high else None if comma else least
        else:
            return 1
        self._next_is("?")
        wanted = least + self._longer
        return min(wanted if most is None else min(wanted, most), _MOST)

    def _next_is(self, character: str) -> bool:
        """Whether the pattern goes on with this character, which is then read."""
        found = self._pattern[self._at : self._at + 1] == character
        self._at += found
        return found

    def _take(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]
