"""The published ringcentral package for Python, unmodified, against a running server: documents, messages, errors."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest

from .office import SOUND, Application, Office, Person

HERE = "/account/~/extension/~"
PDF = b"%PDF-1.4\n" + bytes(range(64))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))


@pytest.fixture(scope="module")
def sdk(ringcentral: Any, office: Office, application: Application) -> Any:
    """Make a client that has logged in, whose session no other test ends."""
    made = ringcentral.SDK(application.id, application.secret, office.url)
    resident = office.person()
    made.platform().login(jwt=office.assertion(resident, application))
    return made


@pytest.fixture(scope="module")
def platform(sdk: Any) -> Any:
    """Give the part of the client that sends requests."""
    return sdk.platform()


@pytest.fixture
def stranger(ringcentral: Any, office: Office, application: Application) -> Any:
    """Make a client that has not logged in yet."""
    return ringcentral.SDK(application.id, application.secret, office.url, "Desk", "1.0").platform()


@pytest.fixture
def refused(ringcentral: Any) -> Any:
    """Give what the package raises for answers that are errors."""
    return import_module("ringcentral.http.api_exception").ApiException


def told(raised: pytest.ExceptionInfo[Any]) -> tuple[int, Any]:
    """Give status and body of a refusal."""
    response = raised.value.api_response().response()
    return response.status_code, response.json()


# What there is.


def test_account(platform: Any, office: Office) -> None:
    """A tilde is the caller's own account, in place of which the URI has its id."""
    account = platform.get("/account/~").json_dict()
    assert office.account_id == account["id"]
    assert f"{office.url}/restapi/v1.0/account/{office.account_id}" == account["uri"]
    assert account == platform.get(account["uri"]).json_dict()


def test_json_as_attributes(platform: Any, office: Office) -> None:
    """The package's other form of answers."""
    assert office.account_id == platform.get("/account/~").json().id


def test_versions(platform: Any) -> None:
    """They are told to anybody."""
    told = platform.get("/restapi", skip_auth_check=True).json_dict()
    assert {"v1.0", "v2"} <= {each["uriString"] for each in told["apiVersions"]}


def test_life_of_a_device(platform: Any, refused: Any) -> None:
    """POST, GET, PUT, which changes what it names, PATCH, DELETE, and then it is gone."""
    made = platform.post(f"{HERE}/device", {"name": "Desk", "type": "SoftPhone"})
    device = made.json_dict()
    place = f"{HERE}/device/{device['id']}"
    assert ("Desk", "SoftPhone") == (device["name"], device["type"])
    assert device == platform.get(place).json_dict()
    assert ("Ship", "SoftPhone") == tuple(
        platform.put(place, {"name": "Ship"}).json_dict()[key] for key in ("name", "type")
    )
    assert ("Navy", "SoftPhone") == tuple(
        platform.patch(place, {"name": "Navy"}).json_dict()[key] for key in ("name", "type")
    )
    assert [device["id"]] == [row["id"] for row in platform.get(f"{HERE}/device").json_dict()["records"]]
    gone = platform.delete(place)
    assert (204, b"") == (gone.response().status_code, gone.body())
    with pytest.raises(refused) as raised:
        platform.get(place)
    status, body = told(raised)
    assert (404, "CMN-102", "deviceId") == (status, body["errorCode"], body["parameterName"])


def test_tunnelled_methods(platform: Any) -> None:
    """The package can add `_method` to what it POSTs."""
    device = platform.post(f"{HERE}/device", {"name": "Desk"}).json_dict()
    place = platform.create_url(f"{HERE}/device/{device['id']}", add_server=True, add_method="PUT")
    assert "Ship" == platform.post(place, {"name": "Ship"}).json_dict()["name"]
    place = platform.create_url(f"{HERE}/device/{device['id']}", add_server=True, add_method="DELETE")
    assert 204 == platform.post(place).response().status_code


def test_list_is_walked_to_its_end(platform: Any, office: Office) -> None:
    """`nextPage` leads through all extensions, each of them once, and `totalElements` counts them."""
    page = platform.get("/account/~/extension", {"perPage": 25}).json_dict()
    total, rows, pages = page["paging"]["totalElements"], page["records"], 1
    while "nextPage" in page["navigation"]:
        page = platform.get(page["navigation"]["nextPage"]["uri"]).json_dict()
        rows += page["records"]
        pages += 1
    people = office.asked("GET", office.at("/users?paginate=false&has_key=number"))
    assert {each["id"] for each in people} == {row["id"] for row in rows}
    assert (total, page["paging"]["totalPages"]) == (len(rows), pages)
    assert pages > 2


def test_several_values_of_a_parameter(platform: Any) -> None:
    """A list is sent as a parameter that stands there several times, and means any of them."""

    def found(**query: Any) -> set[str]:
        listing = platform.get("/account/~/extension", {"perPage": "max", **query}).json_dict()
        return {row["extensionNumber"] for row in listing["records"]}

    some = sorted(found())[:3]
    assert set(some) == found(extensionNumber=some)
    assert {some[1]} == found(extensionNumber=some[1])
    assert set() == found(extensionNumber=["0", "00"])


def test_call_log(platform: Any) -> None:
    """Calls of a window, whose bounds the package sends without encoding them."""
    window = {"dateFrom": "2020-01-01T00:00:00+00:00", "perPage": 5}
    log = platform.get("/account/~/call-log", window).json_dict()
    assert 5 == len(log["records"])
    assert {"startTime", "duration", "direction", "from", "to"} <= log["records"][0].keys()
    call = platform.get(f"/account/~/call-log/{log['records'][0]['id']}").json_dict()
    assert log["records"][0]["startTime"] == call["startTime"]
    nothing = platform.get("/account/~/call-log", {"dateFrom": "1999", "dateTo": "2000"}).json_dict()
    assert ([], 0) == (nothing["records"], nothing["paging"]["totalElements"])


# Messages.


def test_voicemail(stranger: Any, office: Office, ada: Person, assertion: str) -> None:
    """It is listed with the address of its sound, is heard and read, and deleted."""
    stranger.login(jwt=assertion)
    id = office.voicemail(ada)
    rows = stranger.get(f"{HERE}/message-store", {"messageType": "VoiceMail"}).json_dict()["records"]
    assert [id] == [row["id"] for row in rows]
    assert "Unread" == rows[0]["readStatus"]
    (attachment,) = rows[0]["attachments"]
    assert "audio/wav" == attachment["contentType"]
    heard = stranger.get(attachment["uri"])
    assert (SOUND, "audio/wav") == (heard.body(), heard.response().headers["Content-Type"])
    part = stranger.get(attachment["uri"], headers={"Range": "bytes=0-3"})
    assert (206, b"RIFF") == (part.response().status_code, part.body())
    place = f"{HERE}/message-store/{id}"
    assert "Read" == stranger.put(place, {"readStatus": "Read"}).json_dict()["readStatus"]
    assert 204 == stranger.delete(place).response().status_code
    assert [] == stranger.get(f"{HERE}/message-store").json_dict()["records"]


def test_bulk_answer_is_taken_apart(stranger: Any, office: Office, ada: Person, assertion: str) -> None:
    """Several ids in a path: the package finds an answer for each of them in the multipart one."""
    stranger.login(jwt=assertion)
    ids = [office.voicemail(ada), office.voicemail(ada), "f" * 32]
    answer = stranger.get(f"{HERE}/message-store/{','.join(ids)}")
    assert 207 == answer.response().status_code
    parts = answer.multipart()
    assert [200, 200, 404] == [part.response().status_code for part in parts]
    assert ids[:2] == [json.loads(part.body())["id"] for part in parts[:2]]
    assert "CMN-102" == json.loads(parts[2].body())["errorCode"]
    assert parts[2].error() is not None
    assert 204 == stranger.delete(f"{HERE}/message-store/{','.join(ids[:2])}").response().status_code


def test_text(platform: Any) -> None:
    """A text is sent from the caller's own number, and is found among their messages."""
    own = platform.get(HERE).json_dict()["callerId"]["external"]["number"]
    body = {"from": {"phoneNumber": own}, "to": [{"phoneNumber": "+12025550100"}], "text": "Héllo"}
    sent = platform.post(f"{HERE}/sms", body).json_dict()
    assert ("Outbound", "SMS", own) == (sent["direction"], sent["type"], sent["from"]["phoneNumber"])
    assert body["to"] == sent["to"]
    found = platform.get(f"{HERE}/message-store/{sent['id']}").json_dict()
    assert ("SMS", "Héllo") == (found["type"], found["subject"])


@pytest.mark.parametrize("mixed", [False, True], ids=["form-data", "mixed"])
def test_text_with_a_picture(sdk: Any, platform: Any, mixed: bool) -> None:
    """The builder's multipart body, of either type, brings the picture along."""
    own = platform.get(HERE).json_dict()["callerId"]["external"]["number"]
    builder = sdk.create_multipart_builder()
    builder.set_body({"from": {"phoneNumber": own}, "to": [{"phoneNumber": "+12025550100"}], "text": "Look"})
    builder.add(("look.png", PNG, "image/png")).set_multipart_mixed(mixed)
    sent = platform.send_request(builder.request(f"{HERE}/sms")).json_dict()
    (attachment,) = sent["attachments"]
    assert ("image/png", PNG) == (attachment["contentType"], platform.get(attachment["uri"]).body())


@pytest.mark.parametrize("mixed", [False, True], ids=["form-data", "mixed"])
def test_fax(sdk: Any, platform: Any, mixed: bool) -> None:
    """A fax goes out from the caller's own number, which its request does not name."""
    builder = sdk.create_multipart_builder()
    builder.set_body({"to": [{"phoneNumber": "+12025550100"}], "faxResolution": "High"})
    builder.add(("page.pdf", PDF, "application/pdf")).set_multipart_mixed(mixed)
    sent = platform.send_request(builder.request(f"{HERE}/fax")).json_dict()
    assert ("Fax", [{"phoneNumber": "+12025550100"}]) == (sent["type"], sent["to"])
    (attachment,) = sent["attachments"]
    assert PDF == platform.get(attachment["uri"]).body()
    stored = platform.get(f"{HERE}/message-store", {"messageType": "Fax"}).json_dict()
    assert sent["id"] in {row["id"] for row in stored["records"]}


# What goes wrong.


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("get", "/account/~/nonsense", 404, "CMN-120", id="no such noun"),
        pytest.param("get", "/account/1", 404, "CMN-102", id="no such account"),
        pytest.param("get", "/account/~/extension?page=0", 400, "CMN-101", id="parameter"),
        pytest.param("delete", "/account/~/call-log", 405, "CMN-202", id="method"),
        pytest.param("post", f"{HERE}/device", 400, "CMN-101", id="no body"),
    ],
)
def test_error_is_in_the_exception(platform: Any, refused: Any, method: str, path: str, status: int, code: str) -> None:
    """Its text holds the body, whose code stands at both levels."""
    with pytest.raises(refused) as raised:
        getattr(platform, method)(path)
    assert status == told(raised)[0]
    body = told(raised)[1]
    assert (code, code) == (body["errorCode"], body["errors"][0]["errorCode"])
    assert body["message"]
    assert json.dumps(body["message"], ensure_ascii=False) in str(raised.value)
    assert "application/json" in raised.value.api_response().response().headers["Content-Type"]


def test_all_wrong_fields_are_told(platform: Any, refused: Any) -> None:
    """By the names that the client has sent."""
    with pytest.raises(refused) as raised:
        platform.post("/account/~/extension", {"contact": {"firstName": 5, "lastName": []}, "extensionNumber": "x"})
    status, body = told(raised)
    assert 400 == status
    assert {"contact.firstName", "contact.lastName", "extensionNumber"} == {
        error["parameterName"] for error in body["errors"]
    }
