"""The published @rc-ex/core package for Node, unmodified, against a running server."""

from __future__ import annotations

from typing import Any

import pytest

from .node import Node, NodeClient, NodeError
from .office import REDIRECT, SOUND, Application, Office, Person

PACKAGE = "@rc-ex/core"
HERE = "restapi/account/extension"
PDF = b"%PDF-1.4\n" + bytes(range(64))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
FRIEND = {"phoneNumber": "+12025550100"}


@pytest.fixture
def stranger(node: Node, office: Office, application: Application) -> NodeClient:
    """Make a client that has not logged in yet."""
    return node.client(PACKAGE, server=office.url, clientId=application.id, clientSecret=application.secret)


@pytest.fixture
def client(stranger: NodeClient, assertion: str) -> NodeClient:
    """Make a client that has logged in."""
    stranger.call("login", {"jwt": assertion})
    return stranger


def file(name: str, content_type: str, content: bytes) -> dict[str, Any]:
    """Describe a file as the package wants it."""
    return {"filename": name, "contentType": content_type, "content": content}


def test_versions(stranger: NodeClient) -> None:
    """All of them, and one: before anybody has logged in."""
    every = stranger.call("restapi:null/list")
    assert {"v1.0", "v2"} <= {each["uriString"] for each in every["apiVersions"]}
    one = stranger.call("restapi/get")
    assert "v1.0" == one["uriString"]


def test_login_by_assertion(client: NodeClient, ada: Person) -> None:
    """A JWT credential stands for a login; the application's id is in the form besides."""
    own = client.call(f"{HERE}/get")
    assert (ada.id, ada.number) == (own["id"], own["extensionNumber"])


@pytest.mark.parametrize("by_number", [False, True], ids=["user name", "extension"])
def test_login_by_password(stranger: NodeClient, office: Office, ada: Person, by_number: bool) -> None:
    """The package takes the grant as it is written."""
    who = {"username": office.account_name, "extension": ada.number} if by_number else {"username": ada.username}
    token = stranger.call("getToken", {"grant_type": "password", "password": ada.password, **who})
    assert {"access_token", "refresh_token", "owner_id", "endpoint_id", "scope"} <= token.keys()
    assert ada.number == stranger.call(f"{HERE}/get")["extensionNumber"]


def test_login_that_fails(stranger: NodeClient) -> None:
    """The package's exception has the answer in it."""
    with pytest.raises(NodeError, match="invalid_grant") as raised:
        stranger.call("login", {"code": "unknown", "redirect_uri": REDIRECT})
    assert (400, "invalid_grant") == (raised.value.status, raised.value.json()["error"])


def test_refresh(client: NodeClient) -> None:
    """There are other tokens, and the new ones are good."""
    first = client.call("refresh")
    second = client.call("refresh")
    assert first["access_token"] != second["access_token"]
    assert first["refresh_token"] != second["refresh_token"]
    assert client.call(f"{HERE}/get")["extensionNumber"]


@pytest.mark.parametrize("by", ["access_token", "refresh_token"])
def test_revoke(stranger: NodeClient, ada: Person, assertion: str, by: str) -> None:
    """The session has ended at once, whichever of its tokens was given back."""
    token = stranger.call("authorize", {"jwt": assertion})
    stranger.call("restapi:null/oauth/revoke/post", {"token": token[by]})
    with pytest.raises(NodeError) as raised:
        stranger.call(f"{HERE}/get")
    assert (401, True) == (raised.value.status, raised.value.json()["errorCode"].startswith("OAU-"))
    with pytest.raises(NodeError) as raised:
        stranger.call("refresh", token["refresh_token"])
    assert (400, "invalid_grant") == (raised.value.status, raised.value.json()["error"])


def test_revoke_forgets_the_token(client: NodeClient) -> None:
    """Who asks after the package's own `revoke` is nobody."""
    client.call("revoke")
    with pytest.raises(NodeError) as raised:
        client.call(f"{HERE}/get")
    assert 401 == raised.value.status


def test_account(client: NodeClient, office: Office) -> None:
    """By the tilde that the package writes, and by its id."""
    own = client.call("restapi/account/get")
    assert office.account_id == own["id"]
    assert own == client.call(f"restapi/account:{own['id']}/get")


def test_extensions(client: NodeClient, ada: Person) -> None:
    """A listing with parameters, one of them with several values, and one of its rows."""
    query = {"extensionNumber": [ada.number, "0"], "type": ["User"], "perPage": 10}
    found = client.call("restapi/account/extension/list", query)
    assert [ada.id] == [row["id"] for row in found["records"]]
    assert ada.id == client.call(f"restapi/account/extension:{ada.id}/get")["id"]


def test_life_of_a_device(client: NodeClient) -> None:
    """What the package has no method for goes by its plain verbs."""
    place = "/restapi/v1.0/account/~/extension/~/device"
    client.call("post", place, {"name": "Desk", "type": "SoftPhone"})
    (device,) = client.call(f"{HERE}/device/get")["records"]
    assert "Desk" == client.call(f"restapi/account/device:{device['id']}/get")["name"]
    client.call("patch", f"{place}/{device['id']}", {"name": "Ship"})
    assert "Ship" == client.call(f"restapi/account/device:{device['id']}/get")["name"]
    client.call("delete", f"{place}/{device['id']}")
    with pytest.raises(NodeError, match="deviceId") as raised:
        client.call(f"restapi/account/device:{device['id']}/get")
    assert (404, "CMN-102") == (raised.value.status, raised.value.json()["errors"][0]["errorCode"])


def test_call_log(client: NodeClient) -> None:
    """Calls of a window, and one of them."""
    log = client.call("restapi/account/callLog/list", {"dateFrom": "2020-01-01T00:00:00.000Z", "perPage": 3})
    assert 3 == len(log["records"])
    first = log["records"][0]
    assert first["startTime"] == client.call(f"restapi/account/callLog:{first['id']}/get")["startTime"]


def test_voicemail(client: NodeClient, office: Office, ada: Person) -> None:
    """It is listed, heard, read and deleted."""
    id = office.voicemail(ada)
    query = {"messageType": ["VoiceMail"], "readStatus": ["Unread"], "direction": ["Inbound"]}
    (row,) = client.call(f"{HERE}/messageStore/list", query)["records"]
    message = client.call(f"{HERE}/messageStore:{id}/get")
    assert (id, "VoiceMail", "Unread") == (row["id"], message["type"], message["readStatus"])
    (attachment,) = message["attachments"]
    assert SOUND == client.call(f"{HERE}/messageStore:{id}/content:{attachment['id']}/get")
    read = client.call(f"{HERE}/messageStore:{id}/put", {"readStatus": "Read"})
    assert "Read" == read["readStatus"]
    client.call(f"{HERE}/messageStore:{id}/delete")
    assert [] == client.call(f"{HERE}/messageStore/list", query)["records"]


def test_text(client: NodeClient, ada: Person) -> None:
    """A text of words alone goes out as JSON."""
    body = {"from": {"phoneNumber": ada.phone}, "to": [FRIEND], "text": "Hello"}
    sent = client.call(f"{HERE}/sms/post", body)
    assert ("SMS", "Outbound", [FRIEND]) == (sent["type"], sent["direction"], sent["to"])


def test_text_with_pictures(client: NodeClient, ada: Person) -> None:
    """Each picture comes back as it was sent."""
    pictures = [file("one.png", "image/png", PNG), file("two.png", "image/png", PNG + b"2")]
    body = {"from": {"phoneNumber": ada.phone}, "to": [FRIEND], "text": "Look", "attachments": pictures}
    sent = client.call(f"{HERE}/mms/post", body)
    files = [each["id"] for each in sent["attachments"]]
    bodies = [client.call(f"{HERE}/messageStore:{sent['id']}/content:{each}/get") for each in files]
    assert [PNG, PNG + b"2"] == bodies


def test_fax(client: NodeClient) -> None:
    """A document, whose sender's number is the caller's own."""
    body = {"to": [FRIEND], "faxResolution": "High", "attachments": [file("page.pdf", "application/pdf", PDF)]}
    sent = client.call(f"{HERE}/fax/post", body)
    assert ("Fax", [FRIEND]) == (sent["type"], sent["to"])
    (attachment,) = sent["attachments"]
    assert PDF == client.call(f"{HERE}/messageStore:{sent['id']}/content:{attachment['id']}/get")


def test_error_is_in_the_exception(client: NodeClient) -> None:
    """Its text has the status and the top of the answer, and its answer all of it."""
    with pytest.raises(NodeError, match=r"^HTTP 400 Bad Request - ") as raised:
        client.call(f"{HERE}/sms/post", {"text": "to nobody"})
    told = raised.value.json()
    assert ("CMN-101", told["errors"][0]["message"]) == (told["errorCode"], told["message"])
    assert raised.value.message.startswith(f"HTTP 400 Bad Request - {told['message']}")
