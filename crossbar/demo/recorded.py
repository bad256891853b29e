"""Recordings of calls of the demo account, each with its sound."""

from __future__ import annotations

from collections.abc import Iterator

from ..dates import gregorian
from ..stores import Document
from .calls import LONGEST
from .files import DemoFile, sound
from .office import Office
from .recipe import Recipe
from .tree import DAY, MASTER, hex_id, pick

RECORDINGS = "recordings"
_TYPE = "audio/wav"
_HEAD = 44  # bytes of a WAV file before its samples, of which there are eight in a millisecond


def recording_documents(office: Office, recipe: Recipe, now: int) -> Iterator[Document]:
    """Calls that people of the demo account have had recorded; other accounts have none."""
    account = office.account
    if account.level != MASTER:
        return
    rng = recipe.dice("recordings", account.id)
    for number in range(recipe.media.recordings):
        person = office.people[number * 5 % len(office.people)]
        began = now - LONGEST - int(rng.random() * 30 * DAY)
        id = hex_id(rng)
        outside = f"+1{pick(rng, recipe.names.caller_area_codes)}55501{int(rng.random() * 100):02d}"
        name = f"{pick(rng, recipe.names.first)} {pick(rng, recipe.names.last)}"
        parties = [(name, outside, "carrier.example.com"), (person.name, person.extension, account.realm)]
        direction = "outbound" if number % 2 else "inbound"
        caller, callee = parties if direction == "inbound" else reversed(parties)
        milliseconds = _milliseconds(id)
        body = {
            "id": id,
            "name": f"{caller[0]} to {callee[0]}",
            "call_id": hex_id(rng),
            "interaction_id": f"{gregorian(began)}-{rng.getrandbits(32):08x}",
            "direction": direction,
            "from": f"{caller[1]}@{caller[2]}",
            "to": f"{callee[1]}@{callee[2]}",
            "caller_id_name": caller[0],
            "caller_id_number": caller[1],
            "callee_id_name": callee[0],
            "callee_id_number": callee[1],
            "start": gregorian(began),
            "duration": milliseconds / 1000,
            "owner_id": person.id,
            "origin": "inbound from PSTN to account" if direction == "inbound" else "outbound from user",
            "content_type": _TYPE,
            "content_length": _HEAD + 8 * milliseconds,
        }
        yield account.document(RECORDINGS, body, began)


def recorded_file(document: Document) -> DemoFile | None:
    """The sound of a recording; None for documents of other kinds."""
    if document.kind != RECORDINGS:
        return None
    return DemoFile("content", "call.wav", _TYPE, sound(document.id, _milliseconds(document.id)))


def _milliseconds(id: str) -> int:
    return 600 * (1 + int(id[16:20], 16) % 3)
