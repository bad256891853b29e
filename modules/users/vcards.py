"""vCard 4.0 (RFC 6350): a person as a card for address books. Pure."""

import re
from base64 import b64encode
from collections.abc import Iterator
from time import gmtime, strftime
from typing import Any, NamedTuple

FOLDED = 75
"""Bytes of a line at most, without its end (3.2)."""

_ESCAPES = str.maketrans({"\\": "\\\\", ",": "\\,", ";": "\\;", "\n": "\\n"})
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


class Photo(NamedTuple):
    """A picture: its media type and its bytes."""

    media_type: str
    content: bytes


def vcard(user: dict[str, Any], *, organization: str = "", modified: int = 0, photo: Photo | None = None) -> bytes:
    """The card of a user; `organization` is the name of the account, `modified` in Unix seconds."""
    lines = ["BEGIN:VCARD", "VERSION:4.0", *_properties(user, organization, modified, photo), "END:VCARD"]
    return b"".join([folded(line) for line in lines])


def folded(line: str) -> bytes:
    """A line in pieces of at most 75 bytes, each but the first behind a blank; no character is cut in two (3.2)."""
    raw = line.encode()
    pieces = []
    start, room = 0, FOLDED
    while start < len(raw):
        end = min(start + room, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(raw[start:end])
        start, room = end, FOLDED - 1
    return b"\r\n ".join(pieces) + b"\r\n"


def escaped(text: object) -> str:
    """A text as it stands in a value: backslashes, commas, semicolons and line ends escaped (3.4), controls gone."""
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", str(text))).translate(_ESCAPES)


def _properties(user: dict[str, Any], organization: str, modified: int, photo: Photo | None) -> Iterator[str]:
    first, last = str(user.get("first_name") or ""), str(user.get("last_name") or "")
    profile = user.get("profile") or {}
    yield f"FN:{escaped(f'{first} {last}'.strip() or user.get('username') or user['id'])}"
    yield f"N:{escaped(last)};{escaped(first)};;;"
    nicknames = [escaped(name) for name in profile.get("nicknames") or () if name]
    if nicknames:
        yield f"NICKNAME:{','.join(nicknames)}"
    if organization:
        yield f"ORG:{escaped(organization)}"
    for name, value in (("TITLE", profile.get("title")), ("ROLE", profile.get("role")), ("EMAIL", user.get("email"))):
        if value:
            yield f"{name}:{escaped(value)}"
    for number in _numbers(user):
        yield f'TEL;TYPE="voice,work":{escaped(number)}'
    birthday = str(profile.get("birthday") or "")
    if found := _DATE.fullmatch(birthday):
        yield f"BDAY:{''.join(found.groups())}"
    elif birthday:
        yield f"BDAY;VALUE=text:{escaped(birthday)}"
    for name, value in (("NOTE", profile.get("note")), ("TZ", user.get("timezone"))):
        if value:
            yield f"{name}:{escaped(value)}"
    if photo is not None:
        yield f"PHOTO:data:{photo.media_type};base64,{b64encode(photo.content).decode()}"
    yield f"UID;VALUE=text:{escaped(user['id'])}"
    if modified:
        yield f"REV:{strftime('%Y%m%dT%H%M%SZ', gmtime(modified))}"


def _numbers(user: dict[str, Any]) -> list[str]:
    """The numbers of a user, outside ones first, each once."""
    caller_id = user.get("caller_id") or {}
    found = [(caller_id.get(side) or {}).get("number") for side in ("external", "internal")]
    return list(dict.fromkeys(str(number) for number in found if number))
