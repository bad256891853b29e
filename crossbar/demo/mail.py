"""Voicemail, media, faxes and texts of the demo data, and the files that belong to them and to people."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from ..dates import gregorian
from ..stores import Document
from .calls import LONGEST
from .files import DemoFile, page, picture, sound
from .office import Office, Person
from .recipe import Recipe
from .tree import DAY, MASTER, hex_id, pick

PROMPTS = (
    ("vm-enter_pass", "Please enter your PIN"),
    ("vm-no_messages", "You have no new messages"),
    ("vm-record_message", "Leave a message after the tone"),
    ("menu-invalid_entry", "That is no choice"),
    ("ivr-thank_you", "Thank you"),
    ("cf-disabled", "Calls are no longer passed on"),
)
LANGUAGES = ("en-us", "de-de")
MUSIC = ("Music on hold", "Busy season")
TEXTS = (
    "Are you at your desk? I have a question about the offer.",
    "Running ten minutes late, please begin without me.",
    "The parcel is at the front desk.",
    "Thank you, that was quick!",
    "Can we move our call to three o'clock?",
    "The new number works. See you tomorrow.",
)
_FOLDERS = ("new", "new", "new", "saved", "saved", "deleted")
_READ = {"new": "unread", "saved": "read", "deleted": "read"}
_PDF, _WAV, _PNG = "application/pdf", "audio/wav", "image/png"


def mail_documents(office: Office, recipe: Recipe, now: int) -> Iterator[Document]:
    """A voicemail box for everybody, and in the demo account what is in them, media and faxes."""
    account = office.account
    rng = recipe.dice("mail", account.id)
    created = account.created + 1500
    boxes = [(hex_id(rng), person) for person in office.people]
    for number, (id, person) in enumerate(boxes):
        yield account.document("vmboxes", _box(id, person, account.timezone, rng), created + number * 20)
    if account.level != MASTER:
        return
    for number in range(recipe.media.voicemails):
        box, person = boxes[number * 7 % len(boxes)]
        left = now - LONGEST - int(rng.random() * 30 * DAY)
        yield account.document("messages", _message(box, person, left, recipe, rng), left)
    for number, media in enumerate(_media(rng)):
        yield account.document("media", media, created + number * 60)
    for number in range(recipe.media.faxes):
        sent = now - LONGEST - int(rng.random() * 30 * DAY)
        yield account.document("messages", _fax(office, number, sent, recipe, rng), sent)
    rng = recipe.dice("texts", account.id)
    for number in range(recipe.media.texts):
        sent = now - LONGEST - int(rng.random() * 30 * DAY)
        yield account.document("messages", _text(office, number, sent, recipe, rng), sent)


def file_of(document: Document) -> DemoFile | None:
    """The file of one of these documents; None for all others."""
    if document.kind not in ("messages", "media"):
        return None
    body = document.data()
    if body.get("type") == "fax":
        return DemoFile("attachments", "fax.pdf", _PDF, _page(body), many=True)
    if body.get("type") == "sms":
        sent_along = DemoFile("content", "picture.png", _PNG, picture(document.id), many=True)
        return sent_along if body["attachments"] else None
    name = "voicemail.wav" if document.kind == "messages" else f"{body.get('prompt_id') or 'music'}.wav"
    return DemoFile("raw", name, _WAV, sound(document.id, _milliseconds(document.id)))


def photo_of(document: Document) -> DemoFile:
    """The photo of a user."""
    return DemoFile("photo", "photo.png", _PNG, picture(document.id))


def _milliseconds(id: str) -> int:
    return 300 * (1 + int(id[16:20], 16) % 4)


def _facts(id: str) -> dict[str, Any]:
    """What a document says of its sound: a WAV file has 44 bytes before its samples."""
    return {"content_type": _WAV, "content_length": 44 + 8 * _milliseconds(id)}


def _listed(id: str, name: str, content_type: str, size: int) -> list[dict[str, Any]]:
    """What a message says of its one file."""
    return [{"id": id, "content_type": content_type, "size": size, "name": name}]


def _page(fax: dict[str, Any]) -> bytes:
    return page(f"From: {fax['from_name']} {fax['from_number']}", f"To: {fax['to_number']}", "", "Made up.")


def _box(id: str, person: Person, timezone: str, rng: Random) -> dict[str, Any]:
    return {
        "id": id,
        "name": f"{person.name}'s mailbox"[:128],
        "mailbox": person.extension,
        "owner_id": person.id,
        "timezone": timezone,
        "require_pin": False,
        "check_if_owner": True,
        "delete_after_notify": False,
        "save_after_notify": False,
        "is_setup": rng.random() < 0.8,
        "is_voicemail_ff_rw_enabled": False,
        "media": {},
        "media_extension": "wav",
        "not_configurable": False,
        "notify_email_addresses": [],
        "oldest_message_first": False,
        "skip_envelope": False,
        "skip_greeting": False,
        "skip_instructions": False,
    }


def _message(box: str, person: Person, left: int, recipe: Recipe, rng: Random) -> dict[str, Any]:
    id, (name, number) = hex_id(rng), _stranger(recipe, rng)
    facts, folder = _facts(id), pick(rng, _FOLDERS)
    return {
        "id": id,
        "type": "voicemail",
        "direction": "inbound",
        "media_id": id,
        "source_id": box,
        "owner_id": person.id,
        "folder": folder,
        "read_status": _READ[folder],
        "timestamp": gregorian(left),
        "caller_id_name": name,
        "caller_id_number": number,
        "from": f"{number}@carrier.example.com",
        "to": f"{person.direct}@carrier.example.com",
        "call_id": f"{rng.getrandbits(128):032x}",
        "length": _milliseconds(id),
        **facts,
        "attachments": _listed("raw", "voicemail.wav", _WAV, facts["content_length"]),
    }


def _media(rng: Random) -> Iterator[dict[str, Any]]:
    """Prompts in two languages, and music."""
    for prompt_id, words in PROMPTS:
        for language in LANGUAGES:
            named = {"name": f"{language} {prompt_id}", "description": words, "prompt_id": prompt_id}
            yield _recording(rng, named | {"language": language})
    for name in MUSIC:
        yield _recording(rng, {"name": name, "language": LANGUAGES[0]})


def _recording(rng: Random, named: dict[str, Any]) -> dict[str, Any]:
    id = hex_id(rng)
    return {"id": id, **named, "media_source": "upload", "streamable": True, "tts": {}, **_facts(id)}


def _fax(office: Office, number: int, sent: int, recipe: Recipe, rng: Random) -> dict[str, Any]:
    """Every second one was received, the others were sent, the last one is still to go."""
    person = pick(rng, office.people)
    name, other = _stranger(recipe, rng)
    inward = number % 2 == 1
    waits = number + 1 == recipe.media.faxes and not inward
    ours = {"name": person.name, "number": person.direct}
    theirs = {"name": name, "number": other}
    source, target = (theirs, ours) if inward else (ours, theirs)
    fax = {
        "id": hex_id(rng),
        "type": "fax",
        "direction": "inbound" if inward else "outbound",
        "from": source["number"],
        "to": target["number"],
        "read_status": "unread" if inward else "read",
        "from_name": source["name"],
        "from_number": source["number"],
        "to_name": target["name"],
        "to_number": target["number"],
        "folder": "inbox" if inward else "outgoing" if waits else "outbox",
        "status": "pending" if waits else "completed",
        "timestamp": gregorian(sent),
        "pages": 1,
        "owner_id": person.id,
        "retries": 1,
        "attempts": 0 if waits else 1,
    }
    return fax | {"attachments": _listed("fax.pdf", "fax.pdf", _PDF, len(_page(fax)))}


def _text(office: Office, number: int, sent: int, recipe: Recipe, rng: Random) -> dict[str, Any]:
    """Every second one was received, and every fifth has a picture."""
    person, id = pick(rng, office.people), hex_id(rng)
    _, other = _stranger(recipe, rng)
    inward = number % 2 == 1
    folder = pick(rng, _FOLDERS) if inward else "saved"
    return {
        "id": id,
        "type": "sms",
        "direction": "inbound" if inward else "outbound",
        "from": other if inward else person.direct,
        "to": person.direct if inward else other,
        "text": pick(rng, TEXTS),
        "folder": folder,
        "read_status": _READ[folder],
        "status": "received" if inward else "delivered",
        "timestamp": gregorian(sent),
        "owner_id": person.id,
        "attachments": [] if number % 5 else _listed("picture.png", "picture.png", _PNG, len(picture(id))),
    }


def _stranger(recipe: Recipe, rng: Random) -> tuple[str, str]:
    """Somebody outside: a name and a number."""
    names = recipe.names
    number = f"+1{pick(rng, names.caller_area_codes)}55501{int(rng.random() * 100):02d}"
    return f"{pick(rng, names.first)} {pick(rng, names.last)}", number
