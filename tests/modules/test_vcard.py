"""vCards of users: what stands in them, and that an address book can read it whatever the user is called."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.users.vcards import FOLDED, escaped, folded, vcard

from .office import PNG, Office

ADA = {
    "first_name": "Ada",
    "last_name": "Byron",
    "email": "ada@example.com",
    "timezone": "Europe/London",
    "caller_id": {"internal": {"number": "1001"}, "external": {"number": "+12025550100"}},
    "profile": {
        "title": "Countess",
        "role": "Programmer",
        "nicknames": ["Augusta", "A, L"],
        "birthday": "1815-12-10",
        "note": "First; of all,\nso they say \\o/",
    },
}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def lines(card: bytes) -> list[str]:
    """The lines of a card, unfolded as section 3.2 of RFC 6350 says."""
    text = card.decode()
    assert text.endswith("\r\n")
    return text.replace("\r\n ", "").split("\r\n")[:-1]


def plain(value: str) -> str:
    """A text without its escapes."""
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


async def test_the_card_of_a_user(office: Office) -> None:
    """All that is known of a person, in the properties that address books look for."""
    user = await office.user(**ADA)
    found = await office.get(f"/users/{user}/vcard")
    assert (200, "text/vcard; charset=utf-8") == (found.status, found.headers["content-type"])
    assert "Ada Byron.vcf" in found.headers["content-disposition"].replace("%20", " ")
    account = (await office.get("")).data["name"]
    assert [
        "BEGIN:VCARD",
        "VERSION:4.0",
        "FN:Ada Byron",
        "N:Byron;Ada;;;",
        "NICKNAME:Augusta,A\\, L",
        f"ORG:{account}",
        "TITLE:Countess",
        "ROLE:Programmer",
        "EMAIL:ada@example.com",
        'TEL;TYPE="voice,work":+12025550100',
        'TEL;TYPE="voice,work":1001',
        "BDAY:18151210",
        "NOTE:First\\; of all\\,\\nso they say \\\\o/",
        "TZ:Europe/London",
        f"UID;VALUE=text:{user}",
    ] == lines(found.body)[:-2]
    revised, end = lines(found.body)[-2:]
    assert re.fullmatch(r"REV:\d{8}T\d{6}Z", revised)
    assert "END:VCARD" == end


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/vcard", "text/vcard"),
        ("text/x-vcard", "text/x-vcard"),
        ("text/directory", "text/directory"),
        ("*/*", "text/vcard"),
        ("application/json", "text/vcard"),
    ],
)
async def test_types(office: Office, accept: str, content_type: str) -> None:
    """A card is given under the names that clients know it by, and under no other."""
    path = f"/users/{await office.user()}/vcard"
    found = await office.get(path, headers={"accept": accept})
    assert (200, f"{content_type}; charset=utf-8") == (found.status, found.headers["content-type"])
    assert 406 == (await office.get(path, headers={"accept": "image/png"})).status


async def test_photos(office: Office) -> None:
    """A small photo is in the card, a large one is not."""
    user = await office.user()
    for content, within in ((PNG, True), (b"x" * 65_537, False)):
        await office.send("PUT", f"/users/{user}/photo", content, "image/png")
        (*photos,) = [
            line for line in lines((await office.get(f"/users/{user}/vcard")).body) if line.startswith("PHOTO")
        ]
        assert within == bool(photos)
        if within:
            head, _, encoded = photos[0].partition(",")
            assert ("PHOTO:data:image/png;base64", content) == (head, b64decode(encoded))


@pytest.mark.parametrize("path", ["", "/vcard/more"])
async def test_nobody(office: Office, path: str) -> None:
    """There is no card of somebody who is not there, and nothing below a card."""
    assert 404 == (await office.get(f"/users/{'f' * 32}/vcard{path}")).status


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
async def test_a_card_is_only_read(office: Office, method: str) -> None:
    """It is made of the user."""
    user = await office.user()
    assert 405 == (await office.ask(method, f"/users/{user}/vcard", {})).status


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_any_person(first: str, last: str, note: str) -> None:
    """Whatever somebody is called, no line is too long, and nothing of it becomes a line of its own."""
    user: dict[str, Any] = {"id": "1", "first_name": first, "last_name": last, "profile": {"note": note}}
    card = vcard(user)
    assert all(len(line) <= FOLDED for line in card.split(b"\r\n"))
    found = lines(card)
    names = [line.partition(":")[0] for line in found]
    expected = ["BEGIN", "VERSION", "FN", "N", *(["NOTE"] if note else []), "UID;VALUE=text", "END"]
    assert expected == names
    assert 4 == len(re.findall(r"(?<!\\)(?:\\\\)*;", found[3]))


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Z")), max_size=200))
def test_escapes_can_be_undone(text: str) -> None:
    """What is escaped is the same text again when it is read."""
    assert text == plain(escaped(text))
    assert f"NOTE:{text}" == folded(f"NOTE:{text}").decode().replace("\r\n ", "").removesuffix("\r\n")


@pytest.mark.parametrize(
    ("birthday", "line"),
    [("1815-12-10", "BDAY:18151210"), ("10 December", "BDAY;VALUE=text:10 December"), ("", None)],
)
def test_birthdays(birthday: str, line: str | None) -> None:
    """A date is written as vCards have dates, anything else as text."""
    found = lines(vcard({"id": "1", "profile": {"birthday": birthday}}))
    assert ([line] if line else []) == [each for each in found if each.startswith("BDAY")]


def test_somebody_without_a_name() -> None:
    """A card needs a name: the user name, or the id if there is nothing else."""
    assert ["FN:ada"] == [line for line in lines(vcard({"id": "1", "username": "ada"})) if line.startswith("FN")]
    assert ["FN:1"] == [line for line in lines(vcard({"id": "1", "profile": None})) if line.startswith("FN")]
