"""The published ringcentral-client package for Python, unmodified, against a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .office import REDIRECT, SOUND, Application, Office, Person, logged_in_by_browser

HERE = "/restapi/v1.0/account/~/extension/~"
PDF = b"%PDF-1.4\n" + bytes(range(64))


@pytest.fixture(scope="module")
def package() -> Any:
    """Import the package."""
    return pytest.importorskip("ringcentral_client", reason="ringcentral-client is not installed")


@pytest.fixture
def stranger(package: Any, office: Office, application: Application) -> Any:
    """Make a client that has not logged in yet."""
    return package.RestClient(application.id, application.secret, office.url)


@pytest.fixture
def client(stranger: Any, assertion: str) -> Iterator[Any]:
    """Log in, and out at the end."""
    stranger.authorize(assertion)
    yield stranger
    stranger.revoke()


def refusal(raised: pytest.ExceptionInfo[Exception]) -> tuple[int, Any]:
    """Take status and body out of the package's message."""
    status, _, body = str(raised.value).removeprefix("HTTP status code: ").partition("\n\n")
    return int(status), json.loads(body)


def test_login_by_assertion(stranger: Any, ada: Person, assertion: str) -> None:
    """A JWT credential is good for a token, and the token for requests."""
    stranger.authorize(assertion)
    assert {"access_token", "refresh_token", "expires_in"} <= stranger.token.keys()
    assert ada.number == stranger.get(HERE).json()["extensionNumber"]


def test_login_by_code(stranger: Any, ada: Person) -> None:
    """The package's own address shows the page, and the code that it leads to is good for a token."""
    back = logged_in_by_browser(stranger.authorize_uri(REDIRECT, "state 1"), ada)
    assert "state 1" == back["state"]
    stranger.authorize(auth_code=back["code"], redirect_uri=REDIRECT)
    assert ada.number == stranger.get(HERE).json()["extensionNumber"]


def test_refresh(client: Any) -> None:
    """The old token is dead, and the new one is good."""
    before = client.token
    client.refresh()
    after = client.token
    assert client.get(HERE).ok
    client.token = before
    with pytest.raises(Exception, match="401") as raised:
        client.get(HERE)
    assert refusal(raised)[1]["errorCode"].startswith("OAU-")
    client.token = after


def test_revoked_token_is_dead(stranger: Any, assertion: str) -> None:
    """After `revoke`, neither of the session's tokens is good for anything."""
    stranger.authorize(assertion)
    token = stranger.token
    stranger.revoke()
    assert stranger.token is None
    stranger.token = token
    with pytest.raises(Exception, match="401") as raised:
        stranger.get(HERE)
    assert 401 == refusal(raised)[0]
    stranger.token = token
    with pytest.raises(Exception, match="400") as raised:
        stranger.refresh()
    assert (400, "invalid_grant") == (refusal(raised)[0], refusal(raised)[1]["error"])


def test_call_without_a_token(stranger: Any) -> None:
    """The package sends the application's own secret then, which opens nothing."""
    with pytest.raises(Exception, match="401") as raised:
        stranger.get(HERE)
    status, body = refusal(raised)
    assert (401, "OAU-151") == (status, body["errorCode"])


def test_life_of_a_device(client: Any) -> None:
    """POST, GET, PUT, which changes what it names, PATCH, DELETE, and then it is gone."""
    device = client.post(f"{HERE}/device", {"name": "Desk", "type": "SoftPhone"}).json()
    place = f"{HERE}/device/{device['id']}"
    assert device == client.get(place).json()
    put = client.put(place, {"name": "Ship"}).json()
    assert ("Ship", "SoftPhone") == (put["name"], put["type"])
    patched = client.patch(place, {"name": "Navy"}).json()
    assert ("Navy", "SoftPhone") == (patched["name"], patched["type"])
    assert 204 == client.delete(place).status_code
    with pytest.raises(Exception, match="404") as raised:
        client.get(place)
    status, body = refusal(raised)
    assert (404, "CMN-102", "deviceId") == (status, body["errorCode"], body["parameterName"])


def test_lists(client: Any) -> None:
    """Parameters in a dictionary, a list among them; the last page has no next one."""
    found = client.get("/restapi/v1.0/account/~/extension", {"perPage": 2, "type": ["User", "Department"]}).json()
    assert 2 == len(found["records"])
    last = client.get(found["navigation"]["lastPage"]["uri"]).json()
    assert last["paging"]["page"] == last["paging"]["totalPages"]
    assert "nextPage" not in last["navigation"]


def test_bulk_answer(client: Any, office: Office, ada: Person) -> None:
    """Several ids in a path: the answers to all of them, which this package does not take apart."""
    ids = [office.voicemail(ada), office.voicemail(ada)]
    answer = client.get(f"{HERE}/message-store/{','.join(ids)}")
    assert (207, True) == (answer.status_code, answer.headers["Content-Type"].startswith("multipart/mixed; boundary="))
    assert all(id in answer.text for id in ids)
    assert 204 == client.delete(f"{HERE}/message-store/{','.join(ids)}").status_code


def test_sound_of_a_voicemail(client: Any, office: Office, ada: Person) -> None:
    """The attachment's address stands in the message, and leads to the sound."""
    message = client.get(f"{HERE}/message-store/{office.voicemail(ada)}").json()
    (attachment,) = message["attachments"]
    assert SOUND == client.get(attachment["uri"]).content


@pytest.mark.parametrize("mixed", [False, True], ids=["form-data", "mixed"])
def test_fax(client: Any, mixed: bool) -> None:
    """A JSON part and a document, as a form or as mixed parts."""
    files = [
        ("json", ("request.json", json.dumps({"to": [{"phoneNumber": "+12025550100"}]}), "application/json")),
        ("attachment", ("page.pdf", PDF, "application/pdf")),
    ]
    sent = client.post(f"{HERE}/fax", files=files, multipart_mixed=mixed).json()
    (attachment,) = sent["attachments"]
    assert PDF == client.get(attachment["uri"]).content


def test_fax_by_form_fields(client: Any) -> None:
    """The same with plain fields in the place of the JSON part."""
    files = [("attachment", ("page.pdf", PDF, "application/pdf"))]
    sent = client.post(f"{HERE}/fax", data={"to": ["+12025550100"], "faxResolution": "High"}, files=files).json()
    assert [{"phoneNumber": "+12025550100"}] == sent["to"]


def test_error_is_in_the_message(client: Any) -> None:
    """The package puts status and body into the text of its exception."""
    with pytest.raises(Exception, match="400") as raised:
        client.post(f"{HERE}/sms", {"text": 5})
    status, body = refusal(raised)
    assert (400, "CMN-101") == (status, body["errorCode"])
    assert "text" in {error["parameterName"] for error in body["errors"]}
