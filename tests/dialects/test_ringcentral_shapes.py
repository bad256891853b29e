"""What each noun looks like in RingCentral's conventions, and what of it clients may send."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from crossbar import gregorian
from crossbar.testing import World

from .ringcentral_desk import BOUNDARY, PDF, PNG, ROOT, WAV, Desk, code, desk_in, multipart

OWN = "/account/~/extension/~"
TEXT: dict[str, Any] = {
    "from": {"phoneNumber": "+12125557464"},
    "to": [{"phoneNumber": "+12125559976"}],
    "text": "Hello",
}


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of one test's own."""
    return await desk_in(world)


def json_part(data: Any) -> tuple[str, bytes]:
    """The JSON part as RingCentral's own clients write it."""
    head = 'Content-Disposition: form-data; name="json"; filename="request.json"\r\nContent-Type: application/json'
    return head, orjson.dumps(data)


def attachment(name: str, content_type: str, content: bytes) -> tuple[str, bytes]:
    """A file as RingCentral's own clients write it."""
    head = f'Content-Disposition: form-data; name="attachment"; filename="{name}"\r\nContent-Type: {content_type}'
    return head, content


def field(name: str, value: str) -> tuple[str, bytes]:
    """A plain field of a form."""
    return f'Content-Disposition: form-data; name="{name}"', value.encode()


async def upload(desk: Desk, path: str, *parts: tuple[str, bytes], kind: str = "form-data") -> Any:
    """What was made of a multipart body."""
    headers = {"content-type": f"multipart/{kind}; boundary={BOUNDARY}"}
    answer = await desk.ask("POST", path, headers=headers, body=multipart(*parts))
    assert answer.status == 200, answer.body
    return answer.json()


async def test_a_text(desk: Desk) -> None:
    """It goes out, and is in the message store under its id."""
    sent = await desk.made(f"{OWN}/sms", TEXT)
    assert (sent["type"], sent["direction"], sent["messageStatus"], sent["subject"]) == (
        "SMS",
        "Outbound",
        "Queued",
        "Hello",
    )
    stored = (await desk.get(f"{OWN}/message-store/{sent['id']}")).json()
    assert {key: stored[key] for key in ("from", "to", "subject", "readStatus", "availability")} == {
        "from": {"phoneNumber": "+12125557464"},
        "to": [{"phoneNumber": "+12125559976"}],
        "subject": "Hello",
        "readStatus": "Read",
        "availability": "Alive",
    }
    kept = await desk.kept("messages", sent["id"])
    assert (kept["from"], kept["text"], kept["owner_id"]) == ("+12125557464", "Hello", desk.extension)


async def test_a_text_to_several(desk: Desk) -> None:
    """Each recipient is an object of its own."""
    numbers = [{"phoneNumber": "+1"}, {"phoneNumber": "+2"}]
    sent = await desk.made(f"{OWN}/sms", TEXT | {"to": numbers})
    assert (sent["to"], (await desk.kept("messages", sent["id"]))["to"]) == (numbers, ["+1", "+2"])


@pytest.mark.parametrize("kind", ["form-data", "mixed"])
async def test_a_text_with_a_picture(desk: Desk, kind: str) -> None:
    """The JSON part and an attachment, which is found through the message store."""
    sent = await upload(desk, f"{OWN}/sms", json_part(TEXT), attachment("a b.png", "image/png", PNG), kind=kind)
    for noun in ("sms", "message-store"):
        [file] = (await desk.get(f"{OWN}/{noun}/{sent['id']}")).json()["attachments"]
        assert (file["type"], file["contentType"], file["size"]) == ("MmsAttachment", "image/png", len(PNG))
        assert file["uri"].startswith(f"{ROOT}/restapi/v1.0/account/{desk.account}/extension/{desk.extension}/{noun}/")
        assert (await desk.get(file["uri"].removeprefix(ROOT))).body == PNG


async def test_a_fax_with_a_json_part(desk: Desk) -> None:
    """The cover page in JSON, the document beside it."""
    about = {"to": [{"phoneNumber": "+1", "name": "Bo"}], "from": {"phoneNumber": "+2"}, "coverPageText": "Hello"}
    sent = await upload(desk, f"{OWN}/fax", json_part(about), attachment("letter.pdf", "application/pdf", PDF))
    assert (sent["type"], sent["direction"], sent["to"]) == ("Fax", "Outbound", [{"phoneNumber": "+1", "name": "Bo"}])
    kept = await desk.kept("messages", sent["id"])
    assert (kept["to_number"], kept["to_name"], kept["text"]) == ("+1", "Bo", "Hello")
    stored = (await desk.get(f"{OWN}/message-store/{sent['id']}")).json()
    [file] = stored["attachments"]
    assert (file["type"], (await desk.get(file["uri"].removeprefix(ROOT))).body) == ("RenderedDocument", PDF)


async def test_a_fax_with_plain_fields(desk: Desk) -> None:
    """A form without JSON says the same, in the names of this dialect."""
    fields = [field("to", "+1"), field("from", "+2"), field("coverPageText", "Hello"), field("faxResolution", "High")]
    sent = await upload(desk, f"{OWN}/fax", *fields, attachment("letter.pdf", "application/pdf", PDF))
    kept = await desk.kept("messages", sent["id"])
    assert (kept["to_number"], kept["from_number"], kept["text"]) == ("+1", "+2", "Hello")
    assert sent["faxResolution"] == "High"


async def test_voicemail(desk: Desk) -> None:
    """Its sound is an attachment of the message."""
    box = await desk.made("/account/~/voicemail-box", {"name": "Box", "mailbox": "1", "owner_id": desk.extension})
    path = f"/account/~/voicemail-box/{box['id']}/message-store"
    left = await upload(desk, path, json_part({"callerIdName": "Bo"}), attachment("call.wav", "audio/wav", WAV))
    [record] = (await desk.get(f"{OWN}/message-store?messageType=VoiceMail")).json()["records"]
    assert (record["id"], record["type"], record["readStatus"]) == (left["id"], "VoiceMail", "Unread")
    [file] = record["attachments"]
    assert (file["type"], file["contentType"]) == ("AudioRecording", "audio/wav")
    assert (await desk.get(file["uri"].removeprefix(ROOT))).body == WAV


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_message_was_read(desk: Desk, method: str) -> None:
    """The one change that every client makes; also with the whole message sent back."""
    await desk.message("a1" * 16, to=["+12125559976"])
    path = f"{OWN}/message-store/{'a1' * 16}"
    answer = await desk.ask(method, path, {"readStatus": "Read"})
    assert (answer.status, answer.json()["readStatus"]) == (200, "Read")
    whole = answer.json() | {"readStatus": "Unread"}
    answer = await desk.ask(method, path, whole)
    assert (answer.status, answer.json()["readStatus"]) == (200, "Unread"), answer.body
    assert (await desk.kept("messages", "a1" * 16))["to"] == ["+12125559976"]


async def test_the_record_of_a_call(desk: Desk) -> None:
    """Who, whom, when and for how long."""
    at = int(desk.world.app.clock()) - 60
    facts = {"caller_id_number": "+1", "caller_id_name": "Bo", "callee_id_number": "+2", "callee_id_name": "Ada"}
    await desk.call("1" * 32, at, duration_seconds=25, hangup_cause="NORMAL_CLEARING", **facts)
    [record] = (await desk.get(f"{OWN}/call-log")).json()["records"]
    expected = {
        "id": "1" * 32,
        "type": "Voice",
        "direction": "Inbound",
        "from": {"phoneNumber": "+1", "name": "Bo"},
        "to": {"phoneNumber": "+2", "name": "Ada"},
        "duration": 25,
        "sessionId": "s" + "1" * 32,
        "reason": "NORMAL_CLEARING",
        "extension": {"id": desk.extension},
    }
    assert {key: record[key] for key in expected} == expected
    assert record["startTime"].endswith(".000Z")


async def test_a_recording(desk: Desk) -> None:
    """With its sound at `contentUri`."""
    about = {"telephonySessionId": "c1", "startTime": "2012-07-16T23:12:30.450Z", "extension": {"id": desk.extension}}
    made = await upload(desk, "/account/~/recording", json_part(about), attachment("call.wav", "audio/wav", WAV))
    assert (made["startTime"], made["contentType"]) == ("2012-07-16T23:12:30.000Z", "audio/wav")
    kept = await desk.kept("recordings", made["id"])
    assert (kept["call_id"], kept["start"], kept["owner_id"]) == ("c1", gregorian(1342480350), desk.extension)
    path = made["contentUri"].removeprefix(ROOT)
    answer = await desk.get(f"{path}?contentDisposition=Attachment", {"range": "bytes=0-3"})
    assert (answer.status, answer.body) == (206, b"RIFF")
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_a_device(desk: Desk) -> None:
    """Whose it is, and what sort of phone."""
    made = await desk.made(
        "/account/~/device", {"name": "Desk", "type": "HardPhone", "serial": "00:11:22:33:44:55"} | own(desk)
    )
    assert (made["type"], made["serial"], made["extension"]) == ("HardPhone", "001122334455", {"id": desk.extension})
    kept = await desk.kept("devices", made["id"])
    assert (kept["device_type"], kept["owner_id"]) == ("sip_device", desk.extension)
    assert await desk.ids(f"{OWN}/device") == [made["id"]]


def own(desk: Desk) -> Any:
    """Whose a device is."""
    return {"extension": {"id": desk.extension}}


async def test_a_ring_group(desk: Desk) -> None:
    """Groups go by RingCentral's word for some of them."""
    made = await desk.made("/account/~/ring-group", {"name": "Sales", "endpoints": {desk.extension: {"type": "user"}}})
    assert made["uri"].endswith(f"/ring-group/{made['id']}")
    assert (await desk.kept("groups", made["id"]))["endpoints"] == {desk.extension: {"type": "user"}}


async def test_a_time_zone(desk: Desk) -> None:
    """Those that everybody has, outside of accounts; the slash in a name may be encoded."""
    for name in ("Europe/Berlin", "Europe%2FBerlin"):
        assert (await desk.get(f"/timezone/{name}")).json()["name"] == "Europe/Berlin"


# Subscriptions.

DELIVERY = {"transportType": "WebHook", "address": "https://hooks.example.com/rc"}


async def test_a_subscription(desk: Desk) -> None:
    """An event filter with a path means changes of what it names; it is shown as it was sent."""
    wanted = ["/restapi/v1.0/account/~/extension/~/message-store"]
    made = await desk.made("/subscription", {"eventFilters": wanted, "deliveryMode": DELIVERY})
    assert (made["eventFilters"], made["deliveryMode"], made["status"]) == (wanted, DELIVERY, "Active")
    kept = await desk.kept("webhooks", made["id"])
    assert (kept["hook"], kept["custom_data"], kept["uri"], kept["format"]) == (
        "object",
        {"type": "messages"},
        DELIVERY["address"],
        "json",
    )
    shown = (await desk.get(f"/subscription/{made['id']}")).json()
    again = await desk.ask("PUT", f"/subscription/{made['id']}", shown | {"status": "Suspended"})
    assert (again.status, again.json()["status"], again.json()["eventFilters"]) == (200, "Suspended", wanted)
    other = await desk.ask("PUT", f"/subscription/{made['id']}", {"eventFilters": ["channel_create"]})
    assert (other.status, other.json()["eventFilters"]) == (200, ["channel_create"]), other.body
    assert (await desk.kept("webhooks", made["id"]))["hook"] == "channel_create"


@pytest.mark.parametrize(
    ("filter", "about"),
    [
        ("/restapi/v1.0/account/~/extension", "users"),
        ("/restapi/v1.0/account/~/extension/~/device", "devices"),
        ("/restapi/v1.0/account/~/extension/~/sms", "sms"),
        ("/restapi/v1.0/account/~/extension/~/call-log", "cdrs"),
    ],
)
async def test_event_filters(desk: Desk, filter: str, about: str) -> None:
    """Each leads to what changes there."""
    made = await desk.made("/subscription", {"eventFilters": [filter], "deliveryMode": DELIVERY})
    assert (await desk.kept("webhooks", made["id"]))["custom_data"] == {"type": about}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        pytest.param({"eventFilters": []}, "eventFilters", id="none"),
        pytest.param({"eventFilters": ["a", "b"]}, "eventFilters", id="two"),
        pytest.param({"eventFilters": "a"}, "eventFilters", id="no-array"),
        pytest.param({"eventFilters": ["/restapi/v1.0/nonsense"]}, "eventFilters", id="nothing-there"),
        pytest.param({"eventFilters": ["/v2/accounts"]}, "eventFilters", id="a-path-of-another-dialect"),
        pytest.param(
            {"deliveryMode": {"transportType": "PubNub", "address": "https://hooks.example.com"}},
            "deliveryMode.transportType",
            id="another-transport",
        ),
        pytest.param({"deliveryMode": {}}, "deliveryMode.address", id="no-address"),
    ],
)
async def test_subscriptions_that_cannot_be(desk: Desk, sent: Any, name: str) -> None:
    """They are refused by the names that clients know."""
    good = {"eventFilters": ["channel_create"], "deliveryMode": dict(DELIVERY)}
    assert code(await desk.ask("POST", "/subscription", good | sent)) == (400, "CMN-101", name)


async def test_a_webhook_of_another_dialect(desk: Desk) -> None:
    """It looks like a subscription, and comes back as it was."""
    reseller = await desk.world.client("reseller")
    sent = {"name": "Hook", "hook": "object", "uri": "https://hooks.example.com", "custom_data": {"type": "user"}}
    id = (await reseller.put(f"/accounts/{desk.account}/webhooks", sent)).data["id"]
    before = await desk.kept("webhooks", id)
    shown = (await desk.get(f"/subscription/{id}")).json()
    assert shown["eventFilters"] == ["object"]
    answer = await desk.ask("PUT", f"/subscription/{id}", shown)
    assert answer.status == 200, answer.body
    assert await desk.kept("webhooks", id) == before
