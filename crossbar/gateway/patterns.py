"""Path templates, rewrites, and paths that two servers could read differently. Pure.

A template is made of segments: literal ones, `{name}` for exactly one segment that is not empty, and `**` at the end
for whatever is left, also nothing: `/a/**` matches `/a`, `/a/` and `/a/b/c`. A trailing slash is an empty segment of
its own: `/a` and `/a/` are two paths.

Paths are always raw, as they came: split at each `/` first, each segment decoded once after that, for a look only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

DOTS = (b".", b"..")
"""The segments that stand for a place and not for a name (RFC 3986, 3.3)."""

_NAME = re.compile(r"[A-Za-z_][0-9A-Za-z_]*")
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path template.

    `segments` holds the decoded text of each literal segment, and None for a parameter; the trailing slash of `/a/` is
    an empty text. `parameters` are the names in their order, and `rest` tells whether `**` comes after them.
    """

    text: str
    segments: tuple[str | None, ...]
    parameters: tuple[str, ...]
    rest: bool

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """The template that a text writes; ValueError with one sentence if it writes none."""
        pieces, rest = _pieces(text)
        parameters = tuple(piece.parameter for piece in pieces if piece.parameter)
        for name in parameters:
            if parameters.count(name) > 1:
                raise ValueError(f"{text!r} has two parameters called {name!r}: give one of them another name")
        return cls(text, tuple(None if piece.parameter else piece.literal for piece in pieces), parameters, rest)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The path that a request has at its upstream, made of what the template of its route has found.

    `parameters` are the names that it puts in, in their order, and `rest` tells whether it ends with `**`.
    """

    text: str
    parameters: tuple[str, ...]
    rest: bool
    _form: bytes

    @classmethod
    def parse(cls, text: str, parameters: Collection[str], rest: bool) -> Rewrite:
        """The rewrite that a text writes, for requests with these parameters and, with `rest`, a remainder.

        ValueError with one sentence if it writes none, or wants something that such a request does not have.
        """
        pieces, ends_open = _pieces(text)
        if ends_open and not rest:
            raise ValueError(
                f"{text!r} ends with '**', and the path of the route does not: nothing would be left for it"
            )
        for piece in pieces:
            if piece.parameter and piece.parameter not in parameters:
                known = ", ".join(sorted(parameters)) or "none"
                raise ValueError(f"{text!r} wants the parameter {piece.parameter!r}: the route has {known}")
        form = b"".join(b"/%b" % (b"%b" if p.parameter else p.written.encode().replace(b"%", b"%%")) for p in pieces)
        names = tuple(piece.parameter for piece in pieces if piece.parameter)
        return cls(text, names, ends_open, form + b"%b")

    def apply(self, parameters: Mapping[str, bytes], rest: bytes) -> bytes:
        """The raw path for the upstream: segments and remainder are put in byte for byte, never decoded.

        `rest` begins with its slash, or is empty. A rewrite without `**` drops it.
        """
        # PERF: one formatting of bytes does the whole of it.
        made = self._form % (*[parameters[name] for name in self.parameters], rest if self.rest else b"")
        return made or b"/"


class _Piece(NamedTuple):
    """One segment of a template: as it is written, and the name of its parameter or the text it is compared with."""

    written: str
    parameter: str
    literal: str


def _pieces(text: str) -> tuple[list[_Piece], bool]:
    """The segments of a template, and whether `**` comes after them; ValueError with one sentence."""
    if not text.startswith("/"):
        raise ValueError(f"{text!r} does not begin with '/'")
    for sign in "?#":
        if sign in text:
            raise ValueError(f"{text!r} has a {sign!r}: only a path can stand here")
    segments = text[1:].split("/")
    rest = segments[-1] == "**"
    if rest:
        segments.pop()
    if "" in segments[: None if rest else -1]:
        raise ValueError(f"{text!r} has an empty segment: write one slash, not two")
    return [_piece(text, segment) for segment in segments], rest


def _piece(text: str, segment: str) -> _Piece:
    if segment.startswith("{") and segment.endswith("}"):
        name = segment[1:-1]
        if not name:
            raise ValueError(f"{text!r} has a parameter without a name: write it as '{{name}}'")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{text!r} has the parameter {name!r}: a name is made of letters, digits and '_'")
        return _Piece(segment, name, "")
    if "{" in segment or "}" in segment:
        raise ValueError(f"{text!r} has a brace in {segment!r}: a parameter is a whole segment, such as '{{name}}'")
    if "*" in segment:
        raise ValueError(f"{text!r} has a '*' in {segment!r}: '**' is for the end, and '{{name}}' for one segment")
    return _Piece(segment, "", _literal(text, segment))


def _literal(text: str, segment: str) -> str:
    """The text that a literal segment is compared with, once both are decoded."""
    if not segment.isascii() or not segment.isprintable() or " " in segment or _BROKEN.search(segment):
        raise ValueError(f"{text!r} has {segment!r}: write what is not ASCII as '%' and two hexadecimal digits a byte")
    decoded = unquote_to_bytes(segment)
    if decoded in DOTS:
        raise ValueError(f"{text!r} has the segment {segment!r}, which is no name: write the path that it leads to")
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{text!r} has {segment!r}, which is not UTF-8") from None


# Raw paths.

_CONTROLS = bytes(range(0x21)) + b"\x7f"
_SLASHES = bytes.maketrans(b"\\", b"/")
# NOTE: not all that RFC 3986, 3.3 leaves out: nobody reads `|` or `[` as anything else, and browsers send them.
_PLAIN = bytes(range(0x21, 0x7F)).translate(None, b"%#;?\\")
_MOST_ROUNDS = 4
_ENCODED = re.compile(rb"%[0-9A-Fa-f]{2}")
_TWO_WAYS = re.compile(
    rb"(?P<broken>%(?![0-9A-Fa-f]{2}))|(?P<slash>%2[Ff])|(?P<backslash>%5[Cc])|(?P<control>%[01][0-9A-Fa-f]|%7[Ff])"
)
_SENTENCES = {
    "broken": "the path has a '%' without two hexadecimal digits after it",
    "slash": "the path has an encoded slash, which some servers read as a slash",
    "backslash": "the path has an encoded backslash, which some servers read as a slash",
    "control": "the path has an encoded control character, at which some servers stop reading",
}
_SIGNS = {
    ord(";"): "the path has a ';', at which some servers end the segment",
    ord("\\"): "the path has a backslash, which some servers read as a slash",
    ord("#"): "the path has a '#', at which some servers stop reading",
    ord("?"): "the path has a second '?', at which some servers stop reading",
}


def ambiguous(raw_path: bytes) -> str:
    """A sentence about what two servers could read differently in a raw path; empty if there is nothing.

    A guard that reads one thing while the upstream reads another one guards nothing (CVE-2025-66490): dot segments,
    slashes, backslashes and control characters that are encoded, `//`, `;`, what is encoded twice or not well, and
    bytes that no path has (RFC 3986, 3.3).
    """
    # PERF: an ordinary path is done here: one pass in C, and two searches.
    odd = raw_path.translate(None, _PLAIN)
    if not odd and b"//" not in raw_path and b"/." not in raw_path:
        return ""
    if climbs(raw_path):
        return "the path has a segment of dots, which some servers resolve"
    if b"//" in raw_path:
        return "the path has an empty segment, which some servers leave out"
    for sign in odd.replace(b"%", b""):
        return _SIGNS.get(sign, f"the path has the byte 0x{sign:02X}, which must be encoded")
    return _encoding(raw_path) if odd else ""


def _encoding(raw_path: bytes) -> str:
    """A sentence about percent-encodings that can be read in two ways; empty if there are none."""
    found = _TWO_WAYS.search(raw_path)
    if found is not None:
        return _SENTENCES[found.lastgroup or ""]
    once = unquote_to_bytes(raw_path)
    if _ENCODED.search(once):
        return "the path is encoded twice, and some servers decode twice"
    try:
        once.decode()
    except UnicodeDecodeError:
        return "the path has encoded bytes that are not UTF-8"
    return ""


def climbs(raw_path: bytes) -> bool:
    """Whether a raw path has a segment `.` or `..` for anybody, so that an upstream could leave the part meant for it.

    Slashes and backslashes count, plain and encoded; so do dots that are encoded, once or more often, that have path
    parameters (`..;x`), or that control characters and blanks disappear from.
    """
    path = raw_path.translate(_SLASHES, _CONTROLS)
    for _ in range(_MOST_ROUNDS):
        # PERF: most paths have neither of the two signs looked for here.
        if b"/." in path and any(segment.partition(b";")[0] in DOTS for segment in path.split(b"/")):
            return True
        if b"%" not in path:
            return False
        decoded = unquote_to_bytes(path).translate(_SLASHES, _CONTROLS)
        if decoded == path:
            return False
        path = decoded
    # NOTE: nobody encodes so often in good faith, and what it would become in the end is not worth the time.
    return True
