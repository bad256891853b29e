"""The published @ringcentral/sdk package for Node, unmodified, against a running server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .node import Node, NodeClient, NodeError
from .office import REDIRECT, Application, Office, Person, logged_in_by_browser

PACKAGE = "@ringcentral/sdk"
ACCOUNT = "/restapi/v1.0/account/~"
HERE = f"{ACCOUNT}/extension/~"


@pytest.fixture
def stranger(node: Node, office: Office, application: Application) -> NodeClient:
    """Make a client that has not logged in yet."""
    return client_at(node, office.url, application)


@pytest.fixture
def client(stranger: NodeClient, assertion: str) -> NodeClient:
    """Make a client that has logged in."""
    stranger.call("login", {"jwt": assertion})
    return stranger


def client_at(node: Node, url: str, application: Application, **options: Any) -> NodeClient:
    """Make a client of an application, without the pause that it makes before it refreshes."""
    known = {"clientId": application.id, "clientSecret": application.secret} if application.secret else {}
    known = known or {"clientId": application.id}
    return node.client(PACKAGE, server=url, redirectUri=REDIRECT, refreshDelayMs=1, **known, **options)


def body(response: Any) -> Any:
    """Give the JSON of an answer."""
    assert "application/json" in response["headers"]["content-type"]
    return json.loads(response["text"])


def own_number(client: NodeClient) -> str:
    """Give the extension number of whom a client is logged in as."""
    return str(body(client.call("get", HERE))["extensionNumber"])


def tokens(client: NodeClient) -> Any:
    """Give the tokens that a client keeps."""
    return client.call("platform/auth/data")


# Who asks.


@pytest.mark.parametrize("by_number", [False, True], ids=["user name", "extension"])
def test_login_by_password(stranger: NodeClient, office: Office, ada: Person, by_number: bool) -> None:
    """With the user's name, or with the account's and an extension, which the package joins with an asterisk."""
    who = {"username": office.account_name, "extension": ada.number} if by_number else {"username": ada.username}
    answer = stranger.call("login", {**who, "password": ada.password})
    assert {"access_token", "refresh_token", "expires_in", "refresh_token_expires_in", "token_type"} <= body(
        answer
    ).keys()
    assert ada.number == own_number(stranger)


def test_login_by_assertion(client: NodeClient, ada: Person) -> None:
    """A JWT credential stands for a login."""
    assert ada.number == own_number(client)


@pytest.mark.parametrize("public", [False, True], ids=["confidential", "public"])
def test_login_by_code_with_pkce(node: Node, office: Office, ada: Person, public: bool) -> None:
    """The package's own address and verifier; an application without a secret puts its id into the form."""
    stranger = client_at(node, office.url, office.application(public=public))
    words = {"state": "a b&c", "usePKCE": True, "brandId": "1210", "display": "page", "uiOptions": ["hide_logo"]}
    back = logged_in_by_browser(stranger.call("loginUrl", words), ada)
    assert "a b&c" == back["state"]
    stranger.call("login", {"code": back["code"]})
    assert ada.number == own_number(stranger)
    stranger.call("refresh")
    assert ada.number == own_number(stranger)
    assert 200 == stranger.call("logout")["status"]


def test_login_that_fails(stranger: NodeClient) -> None:
    """The package tells what the server has said, from the top of its answer."""
    with pytest.raises(NodeError) as raised:
        stranger.call("login", {"username": "nobody", "password": "wrong"})
    assert (400, "invalid_grant") == (raised.value.status, raised.value.json()["error"])
    assert raised.value.json()["error_description"] == raised.value.message


def test_refresh(client: NodeClient) -> None:
    """There are other tokens, and the new ones are good."""
    before = tokens(client)
    client.call("refresh")
    after = tokens(client)
    assert before["access_token"] != after["access_token"]
    assert before["refresh_token"] != after["refresh_token"]
    assert own_number(client)


def test_refresh_after_a_401(client: NodeClient) -> None:
    """The package asks for a token of -1 seconds then, which is its mark of a dead one, and repeats its request."""
    before = tokens(client)
    client.call("platform/auth/setData", {"access_token": "stale"})
    assert own_number(client)
    after = tokens(client)
    assert after["access_token"] not in ("", "stale", before["access_token"])
    assert int(after["expires_in"]) > 0


def test_logout(node: Node, stranger: NodeClient, office: Office, application: Application, assertion: str) -> None:
    """The session ends at once, and the client has forgotten it; who has kept the tokens gets nowhere with them."""
    stranger.call("login", {"jwt": assertion})
    kept = tokens(stranger)
    assert 200 == stranger.call("logout")["status"]
    with pytest.raises(NodeError, match="Refresh token is missing"):
        stranger.call("get", HERE)
    other = client_at(node, office.url, application)
    other.call("platform/auth/setData", kept)
    with pytest.raises(NodeError) as raised:
        other.call("get", HERE)
    assert (400, "invalid_grant") == (raised.value.status, raised.value.json()["error"])


# What there is.


def test_life_of_a_device(client: NodeClient) -> None:
    """POST, GET, PUT, which changes what it names, PATCH, DELETE, and then it is gone."""
    device = body(client.call("post", f"{HERE}/device", {"name": "Desk", "type": "SoftPhone"}))
    place = f"{HERE}/device/{device['id']}"
    assert device == body(client.call("get", place))
    put = body(client.call("put", place, {"name": "Ship"}))
    assert ("Ship", "SoftPhone") == (put["name"], put["type"])
    patched = body(client.call("patch", place, {"name": "Navy"}))
    assert ("Navy", "SoftPhone") == (patched["name"], patched["type"])
    gone = client.call("delete", place)
    assert (204, "") == (gone["status"], gone["text"])
    with pytest.raises(NodeError, match=r"Resource for parameter \[deviceId\] is not found") as raised:
        client.call("get", place)
    assert (404, "CMN-102") == (raised.value.status, raised.value.json()["errorCode"])


def test_list_is_walked_to_its_end(client: NodeClient) -> None:
    """`nextPage` leads through all extensions, each of them once, and `totalElements` counts them."""
    page = body(client.call("get", f"{ACCOUNT}/extension", {"perPage": 30, "type": ["User", "Department"]}))
    total, ids = page["paging"]["totalElements"], [row["id"] for row in page["records"]]
    while "nextPage" in page["navigation"]:
        page = body(client.call("get", page["navigation"]["nextPage"]["uri"]))
        ids += [row["id"] for row in page["records"]]
    assert (total, total) == (len(ids), len(set(ids)))
    assert total > 60


def test_query_is_decoded_once(client: NodeClient) -> None:
    """What the package encodes comes back as it was meant, in the list's own address as well."""
    name = "50% & more + 1 = ü"
    device = body(client.call("post", f"{HERE}/device", {"name": name}))
    found = body(client.call("get", f"{ACCOUNT}/device", {"name": name}))
    assert [device["id"]] == [row["id"] for row in found["records"]]
    assert found == body(client.call("get", found["uri"]))


@pytest.mark.parametrize("lost", [False, True], ids=["all there", "one lost"])
def test_bulk_answer_is_taken_apart(client: NodeClient, office: Office, ada: Person, lost: bool) -> None:
    """The package's own parser finds an answer for each of the ids, with its own status."""
    ids = [office.voicemail(ada), office.voicemail(ada), *(["f" * 32] if lost else [])]
    parts = client.call("parts", f"{HERE}/message-store/{','.join(ids)}")
    assert [200, 200, *([404] if lost else [])] == [part["status"] for part in parts]
    assert ids[:2] == [body(part)["id"] for part in parts[:2]]
    if lost:
        assert "Resource for parameter [messageId] is not found" == body(parts[2])["message"]


def test_error_text_is_what_the_server_says(client: NodeClient) -> None:
    """The package looks for it at the top of the answer, and nowhere else."""
    with pytest.raises(NodeError) as raised:
        client.call("get", f"{ACCOUNT}/extension", {"perPage": "few"})
    told = raised.value.json()
    assert (400, "CMN-101", "perPage") == (raised.value.status, told["errorCode"], told["parameterName"])
    assert told["message"] == told["errors"][0]["message"] == raised.value.message


# How often.


def test_rate_limit_is_waited_for(node: Node, throttled: str, application: Application, assertion: str) -> None:
    """The package waits for as long as the answer says, and then gets what it has asked for."""
    patient = client_at(node, throttled, application, handleRateLimit=True)
    patient.call("login", {"jwt": assertion})
    answers = [patient.call("get", ACCOUNT) for _ in range(3)]
    assert [200] * 3 == [answer["status"] for answer in answers]
    assert {"light"} == {answer["headers"]["x-rate-limit-group"] for answer in answers}
    assert patient.call("waits") >= 1


def test_rate_limit_that_is_not_waited_for(
    node: Node, throttled: str, application: Application, assertion: str
) -> None:
    """Whoever does not want to wait is told how long, and of which limit."""
    hasty = client_at(node, throttled, application)
    hasty.call("login", {"jwt": assertion})
    with pytest.raises(NodeError, match="many") as raised:
        [hasty.call("get", ACCOUNT) for _ in range(20)]
    told = raised.value.json()
    assert (429, "CMN-301", "light", 1) == (
        *(raised.value.status, told["errorCode"]),
        *(told["rateLimit"]["group"], told["rateLimit"]["limit"]),
    )


def test_usual_limits_let_a_client_in(node: Node, throttled: str, application: Application, assertion: str) -> None:
    """Logging in, refreshing and logging out at once is nothing that one has to wait for."""
    brisk = client_at(node, throttled, application)
    assert [200] * 3 == [
        brisk.call(*each)["status"] for each in (("login", {"jwt": assertion}), ("refresh",), ("logout",))
    ]
