"""Messages in RingCentral's conventions: the bin, numbers in the place of addresses, faxes among other messages."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.testing import World

from .ringcentral_desk import ROOT, WAV, Desk, code, desk_in

OWN = "/account/~/extension/~"
STORE = f"{OWN}/message-store"
FIRST, SECOND = "1" * 32, "2" * 32
FAX: dict[str, Any] = {
    **{"type": "fax", "folder": "outgoing", "status": "attaching files", "from": "+1", "to": "+2"},
    **{"from_number": "+1", "to_number": "+2", "from_name": "Ada", "to_name": "Bo", "read_status": "read"},
}


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of one test's own, with one text that was not read."""
    made = await desk_in(world)
    await made.message(FIRST)
    return made


async def test_into_the_bin_and_out(desk: Desk) -> None:
    """`availability` moves a message, by PUT and by PATCH; out of the bin, where its read state has it."""
    for verb, state, folder in (("PUT", "Unread", "new"), ("PATCH", "Read", "saved")):
        await desk.ask("PUT", f"{STORE}/{FIRST}", {"readStatus": state})
        answer = await desk.ask(verb, f"{STORE}/{FIRST}", {"availability": "Deleted"})
        assert (answer.status, answer.json()["availability"]) == (200, "Deleted"), answer.body
        assert (await desk.kept("messages", FIRST))["folder"] == "deleted"
        assert (await desk.ids(STORE), await desk.ids(f"{STORE}?availability=Deleted")) == ([], [FIRST])
        answer = await desk.ask(verb, f"{STORE}/{FIRST}", {"availability": "Alive"})
        assert (answer.status, answer.json()["availability"]) == (200, "Alive"), answer.body
        assert (await desk.kept("messages", FIRST))["folder"] == folder


async def test_the_whole_message_into_the_bin(desk: Desk) -> None:
    """A client sends back what it was shown, but for one field; out of the bin it may have been read as well."""
    shown = (await desk.get(f"{STORE}/{FIRST}")).json()
    same = await desk.ask("PUT", f"{STORE}/{FIRST}", shown)
    assert (same.status, (await desk.kept("messages", FIRST))["folder"]) == (200, "new")
    answer = await desk.ask("PUT", f"{STORE}/{FIRST}", shown | {"availability": "Deleted"})
    assert (answer.status, answer.json()["availability"]) == (200, "Deleted"), answer.body
    answer = await desk.ask("PUT", f"{STORE}/{FIRST}", {"availability": "Alive", "readStatus": "Read"})
    assert (answer.status, answer.json()["readStatus"]) == (200, "Read"), answer.body
    assert (await desk.kept("messages", FIRST))["folder"] == "saved"


@pytest.mark.parametrize("wrong", ["Purged", "alive", "", 5, ["Deleted"], {}])
async def test_what_availability_cannot_be(desk: Desk, wrong: Any) -> None:
    """It is refused by its name, and the message is where it was."""
    answer = await desk.ask("PUT", f"{STORE}/{FIRST}", {"availability": wrong})
    assert code(answer) == (400, "CMN-101", "availability")
    assert (await desk.kept("messages", FIRST))["folder"] == "new"


async def test_what_goes_into_no_bin(desk: Desk) -> None:
    """Faxes; and texts where they are no messages yet."""
    await desk.keep("messages", SECOND, int(desk.world.app.clock()) - 60, **FAX, owner_id=desk.extension)
    text = {"from": {"phoneNumber": "+12125557464"}, "to": [{"phoneNumber": "+1"}], "text": "Hello"}
    sent = await desk.made(f"{OWN}/sms", text)
    for path in (f"{STORE}/{SECOND}", f"{OWN}/fax/{SECOND}", f"{OWN}/sms/{sent['id']}"):
        answer = await desk.ask("PUT", path, {"availability": "Deleted"})
        assert code(answer) == (400, "CMN-101", "availability"), path
        assert (await desk.ask("PUT", path, {"availability": "Alive"})).status == 200, path


async def test_which_are_listed(desk: Desk) -> None:
    """Nothing is left of what was purged."""
    await desk.message(SECOND, folder="deleted")
    for query, ids in (
        ("availability=Purged", []),
        ("availability=Alive&availability=Purged", [FIRST]),
        ("availability=Deleted&availability=Purged", [SECOND]),
        ("availability=Alive&availability=Deleted", [SECOND, FIRST]),
    ):
        assert sorted(await desk.ids(f"{STORE}?{query}")) == sorted(ids), query


@pytest.mark.parametrize(
    ("data", "sender"),
    [
        ({"from": "sip:2001@realm.example", "caller_id_number": "+12125557464"}, "+12125557464"),
        ({"from": "sip:2001@realm.example"}, "2001"),
        ({"from": "2001@realm.example"}, "2001"),
        ({"from": None, "caller_id_number": "+1"}, "+1"),
    ],
)
async def test_numbers_of_a_voicemail(desk: Desk, data: Any, sender: str) -> None:
    """They are numbers, in the list too; and come back as they were shown, which changes nothing."""
    facts = {"type": "voicemail", "text": None, "to": "sips:101@realm.example", "caller_id_name": "Bo"} | data
    await desk.message(SECOND, **{"source_id": "b" * 32, **facts})
    before = await desk.kept("messages", SECOND)
    shown = (await desk.get(f"{STORE}/{SECOND}")).json()
    [row] = (await desk.get(f"{STORE}?messageType=VoiceMail")).json()["records"]
    for each in (shown, row):
        assert (each["from"], each["to"]) == ({"phoneNumber": sender, "name": "Bo"}, [{"phoneNumber": "101"}])
    answer = await desk.ask("PUT", f"{STORE}/{SECOND}", shown)
    assert answer.status == 200, answer.body
    assert await desk.kept("messages", SECOND) == before


async def test_a_fax_among_messages(desk: Desk) -> None:
    """It is written as they are, and comes back unchanged, here and where it is a fax."""
    await desk.keep("messages", SECOND, int(desk.world.app.clock()) - 60, **FAX, owner_id=desk.extension)
    before = await desk.kept("messages", SECOND)
    shown = (await desk.get(f"{STORE}/{SECOND}")).json()
    [row] = (await desk.get(f"{STORE}?messageType=Fax")).json()["records"]
    assert (shown["from"], shown["to"]) == ({"phoneNumber": "+1", "name": "Ada"}, [{"phoneNumber": "+2", "name": "Bo"}])
    assert (shown["messageStatus"], row["messageStatus"]) == ("Queued", "Queued")
    assert not [key for key in {**shown, **row} if "_" in key]
    answer = await desk.ask("PUT", f"{STORE}/{SECOND}", shown)
    assert answer.status == 200, answer.body
    assert await desk.kept("messages", SECOND) == before
    fax = (await desk.get(f"{OWN}/fax/{SECOND}")).json()
    assert (fax["messageStatus"], fax["to"]) == ("Queued", shown["to"])
    assert (await desk.ask("PUT", f"{OWN}/fax/{SECOND}", fax)).status == 200
    assert (await desk.kept("messages", SECOND))["status"] == "attaching files"


async def test_a_fax_to_several(desk: Desk) -> None:
    """One sentence says that it has one recipient."""
    sent = {"from": {"phoneNumber": "+1"}, "to": [{"phoneNumber": "+2"}, {"phoneNumber": "+3"}]}
    answer = await desk.ask("POST", f"{OWN}/fax", sent)
    assert code(answer) == (400, "CMN-101", "to")
    assert len(answer.json()["errors"]) == 1
    assert "one recipient" in answer.json()["message"]


async def test_files_of_a_message(desk: Desk) -> None:
    """Each says where it is, also in the list of them alone."""
    files = [{"id": "a", "content_type": "image/png", "size": 1}]
    await desk.message(SECOND, attachments=files)
    uri = f"{STORE}/{SECOND}/content"
    shown = (await desk.get(f"{STORE}/{SECOND}")).json()
    [record] = (await desk.get(uri)).json()["records"]
    assert record["uri"] == shown["attachments"][0]["uri"]
    assert record["uri"].startswith(ROOT)


async def test_names_in_sentences(desk: Desk) -> None:
    """They are those that clients know."""
    answer = await desk.ask("PUT", f"{STORE}/{FIRST}", {"subject": "Another"})
    assert code(answer) == (400, "CMN-101", "subject")
    assert answer.json()["message"] == "of a message that is there, only folder and readStatus change"
    about = {"telephonySessionId": "c1", "extension": {"id": desk.extension}, "startTime": "2012-07-16T23:12:30Z"}
    made = await desk.made("/account/~/recording", about)
    path = f"/account/~/recording/{made['id']}/content?contentDisposition=elsewhere"
    headers = {"content-type": "audio/wav"}
    await desk.ask("PUT", path.partition("?")[0], headers=headers, body=WAV)
    answer = await desk.get(path)
    assert code(answer) == (400, "CMN-101", "contentDisposition")
    assert answer.json()["message"].startswith("contentDisposition ")
