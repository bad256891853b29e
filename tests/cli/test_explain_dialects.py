"""`crossbar explain` for the URIs of dialects with words of their own: prefixes, words, aliases, several ids."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from crossbar import Crossbar, Settings
from crossbar.explain import explain
from crossbar.passwords import wire_credentials
from crossbar.settings import Dialects, Realm, RingCentral
from crossbar.testing import make_app, small_world
from crossbar.testing.world import PASSWORD, USERNAME

from .conftest import Invoke

RC, REALM = "/restapi/v1.0", "/api/ver1.0"


@pytest.fixture(scope="module")
def app() -> Crossbar:
    """Give an application that was never started."""
    return make_app()


@pytest.mark.parametrize(
    ("method", "uri", "nouns", "leads_to", "status"),
    [
        pytest.param(
            "GET", f"{RC}/account/~/extension/~/message-store?messageType=SMS",
            "accounts({account}) extensions({user}) messages()", "messages.find", 200, id="two tildes",
        ),
        pytest.param(
            "GET", f"{RC}/account/159048008/extension/171857008/call-log?dateFrom=2012-08-26",
            "accounts(159048008) extensions(171857008) cdrs()", "cdrs.find", 200, id="ids",
        ),
        pytest.param(
            "POST", f"{RC}/account/~/extension/~/message-store/4084362008?_method=DELETE",
            "accounts({account}) extensions({user}) messages(4084362008)", "messages.delete", 204, id="a tunnel",
        ),
        pytest.param("PUT", f"{RC}/account/A/device/D", "accounts(A) devices(D)", "devices.patch", 200, id="changed"),
        pytest.param("POST", f"{RC}/account/A/device", "accounts(A) devices()", "devices.create", 200, id="made"),
        pytest.param("GET", "/restapi", "api_versions()", "api_versions.find", 200, id="a prefix alone"),
        pytest.param("GET", RC, "api_versions(v1.0)", "api_versions.read", 200, id="a version alone"),
        pytest.param("POST", "/restapi/oauth/token", "oauth(token)", "oauth.token", 200, id="no version"),
        pytest.param("GET", f"{RC}/account/A/call-log?dateFrom=x", "accounts(A) cdrs()", "cdrs.find", 400, id="time"),
        pytest.param("GET", f"{RC}/acount/~", "", "None.None", 404, id="no word"),
        pytest.param("DELETE", f"{RC}/account/A/call-log/C", "accounts(A) cdrs(C)", "cdrs.None", 405, id="verb"),
        pytest.param(
            "GET", f"{REALM}/extension/@101/phone/",
            "accounts({account}) extensions(@101) devices()", "devices.find", 200, id="a number",
        ),
        pytest.param(
            "GET", f"{REALM}/extension/@me/phone/",
            "accounts({account}) extensions({user}) devices()", "devices.find", 200, id="me, a user",
        ),
        pytest.param("GET", f"{REALM}/client/@me", "accounts({account})", "accounts.read", 200, id="me, a client"),
        pytest.param("GET", f"{REALM}/extension_group/@me", "groups(@me)", "None.None", 403, id="no realm of anybody"),
        pytest.param(
            "POST", f"{REALM}/client/@me/extension/",
            "accounts({account}) extensions()", "extensions.create", 201, id="created",
        ),
        pytest.param("DELETE", f"{REALM}/client/C/phone/P", "accounts(C) devices(P)", "devices.delete", 204, id="gone"),
        pytest.param("GET", f"{REALM}/user/", "whoami()", "whoami.find", 200, id="a word at the root"),
        pytest.param("GET", f"{REALM}//user", "whoami()", "whoami.find", 200, id="two slashes"),
        pytest.param("POST", "/oauth/token?grant_type=password", "oauth(token)", "oauth.token", 200, id="no prefix"),
    ],
)  # fmt: skip
def test_a_request_is_led_to(app: Crossbar, method: str, uri: str, nouns: str, leads_to: str, status: int) -> None:
    """Nouns, endpoint, operation and status follow from method and URI, in the terms of the dialect."""
    found = explain(app, method, uri)
    told = (" ".join(map(str, found.nouns)), f"{found.endpoint}.{found.operation}", found.status)
    assert (nouns, leads_to, status) == told


def test_the_setting_for_put(app: Crossbar) -> None:
    """What is told keeps to the settings of the dialect."""
    settings = Settings(dialects=Dialects(ringcentral=RingCentral(put="replace", created=201)))
    other = make_app(settings)
    uri = f"{RC}/account/~/device"
    assert ("patch", "replace") == tuple(explain(each, "PUT", f"{uri}/D").operation for each in (app, other))
    assert (200, 201) == tuple(explain(each, "POST", uri).status for each in (app, other))


def test_a_header_may_carry_the_verb(app: Crossbar, invoke: Invoke) -> None:
    """Header fields are read like those of a request; one that is malformed is told."""
    uri = f"{RC}/account/~/device/D"
    assert "delete" == explain(app, "POST", uri, {"X-HTTP-Method-Override": "DELETE"}).operation
    result = invoke("explain", "POST", f"{uri}?_method=PUT", "--header", "X-HTTP-Method-Override: DELETE", "--json")
    assert 400 == json.loads(result.output)["status"]
    assert 2 == invoke("explain", "POST", uri, "--header", "nonsense").exit_code


def lines_of(invoke: Invoke, *args: str, **env: str) -> list[str]:
    """Give what is printed for a request."""
    result = invoke("explain", *args, **env)
    assert 0 == result.exit_code, result.output
    return [line.strip() for line in result.output.splitlines()]


def test_the_reading_is_told_word_by_word(invoke: Invoke) -> None:
    """The prefix, each word with its noun, what the aliases stand for, and the filters."""
    told = lines_of(invoke, "GET", f"{RC}/account/~/extension/~/message-store?messageType=SMS")
    assert told[:6] == [
        "1. /restapi/v1.0 is a prefix of the dialect ringcentral:",
        "• Version: v1.0",
        "• Remaining: /account/~/extension/~/message-store",
        "2. account is the word for accounts:",
        "• Nouns: accounts()",
        "• Remaining: /~/extension/~/message-store",
    ]
    assert "6. message-store is the word for messages:" in told
    assert "7. ~ stands for {account}, by who is asking:" in told
    assert "8. ~ stands for {user}, by who is asking:" in told
    assert any(line.startswith("execute") and "Filters: type equals sms" in line for line in told)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("/extension/@101/phone/", "@101 is the extension with the number 101 in the account of the path"),
        (
            "/extension/@1844*101/phone/",
            "@1844*101 is the extension with the number 101 in the account with the prefix",
        ),
        ("/extension/@101/phone/", "The path names no client, so the caller's own is meant:"),
        ("/client/@me/phone", "A path ends with a slash where its last part is a word; it is taken all the same"),
        ("/client/@me/", "A path ends without"),
    ],
)
def test_what_else_there_is_to_say_in_the_realm_style(invoke: Invoke, uri: str, says: str) -> None:
    """Numbers, the account that is left out, and slashes each get a sentence."""
    assert says in " ".join(lines_of(invoke, "GET", REALM + uri))


@pytest.mark.parametrize(("slash", "status"), [("lenient", 200), ("redirect", 308), ("strict", 404)])
def test_the_rule_for_slashes(slash: Any, status: int) -> None:
    """A wrong end leads to what the settings say."""
    other = make_app(Settings(dialects=Dialects(realm=Realm(slash=slash))))
    assert status == explain(other, "GET", f"{REALM}/client/@me/phone").status
    assert 200 == explain(other, "GET", f"{REALM}/client/@me/phone/").status


def test_a_path_of_nobody(invoke: Invoke) -> None:
    """A word that no path begins with, and a prefix that no dialect has, are told as what they are."""
    told = lines_of(invoke, "GET", f"{RC}/nonsense/1")
    assert "2. nonsense is no word that a path of this dialect can begin with:" in told
    assert told[-1].startswith("404")
    assert "no endpoint named 'nonsense'" in told[-1]
    assert lines_of(invoke, "GET", "/nowhere")[-1].startswith("404")


def test_several_things_at_once(app: Crossbar, invoke: Invoke) -> None:
    """Each of them is told, and the status that they are answered with together."""
    found = explain(app, "GET", f"{RC}/account/~/extension/1,2/device")
    assert (207, "devices.find") == (found.status, f"{found.endpoint}.{found.operation}")
    assert [("1",), ("2",)] == [part.nouns[1].args for part in found.parts]
    assert [200, 200] == [part["status"] for part in found.as_json()["parts"]]
    assert 204 == explain(app, "DELETE", f"{RC}/account/~/device/1,2").status
    refused = explain(app, "PUT", f"{RC}/account/~/call-log/1,2")
    assert (405, "GET, HEAD, OPTIONS") == (refused.status, refused.allow)
    assert 400 == explain(app, "GET", f"{RC}/account/1,2/device/3,4").status
    told = lines_of(invoke, "GET", f"{RC}/account/~/extension/1,2/device")
    assert f"200  GET {RC}/account/~/extension/1/device" in told
    assert any(line.startswith("spread") and "2 things" in line for line in told)


async def test_the_status_is_the_one_that_a_server_gives() -> None:
    """What is said of a refusal, or of a success that needs no document, is what an administrator gets."""
    world = await small_world()
    client = await world.client(prefix="")
    bearer = {"authorization": f"Bearer {client.token}"}
    for method, path in [
        ("GET", "/restapi"),
        ("GET", f"{RC}/account/~"),
        ("GET", f"{RC}/account/~/device?perPage=0"),
        ("GET", f"{RC}/account/~/nonsense"),
        ("PATCH", f"{RC}/account/~/device"),
        ("OPTIONS", f"{RC}/account/~/device"),
        ("GET", f"{REALM}/client/@me/extension/"),
        ("GET", f"{REALM}/extension_group/@me"),
        ("GET", f"{REALM}/client/@me/phone/?order=up"),
        ("GET", f"{REALM}/user"),
        ("POST", f"{REALM}/timezone/"),
        ("GET", f"{REALM}/nonsense"),
    ]:
        response = await client.request(method, path, headers=bearer)
        assert response.status == explain(world.app, method, path).status, path
    await world.app.stop()


@pytest.mark.parametrize(
    ("method", "uri", "status"),
    [
        ("POST", f"{RC}/user-auth", 201),
        ("POST", f"{REALM}/user_auth/", 201),
        ("POST", f"{RC}/account/~/application/A/secret", 201),
        ("POST", f"{RC}/account/~/device/D/sync", 202),
        ("DELETE", f"{REALM}/application/A", 204),
        ("POST", "/oauth/revoke", 200),
        ("OPTIONS", f"{REALM}/record/R/storage_url/", 204),
        ("PUT", f"{REALM}/record/R/storage_url/", 405),
    ],
)
def test_the_status_of_actions(app: Crossbar, method: str, uri: str, status: int) -> None:
    """What an action answers with is told by what its method says that it gives."""
    found = explain(app, method, uri)
    assert (status, None) == (found.status, found.message if status < 400 else None)


async def test_logins_and_actions_are_answered_so() -> None:
    """The server answers with the same status."""
    world = await small_world()
    client = await world.client(prefix="")
    bearer = {"authorization": f"Bearer {client.token}"}
    made = await client.request(
        "POST", f"{REALM}/client/@me/application/", body=b'{"name":"Desk","grants":["password"]}', headers=bearer
    )
    login = orjson.dumps({"credentials": wire_credentials(USERNAME, PASSWORD)[0], "account_id": world.master})
    for path, body in [
        (f"{RC}/account/~/application/{made.json()['id']}/secret", b""),
        (f"{REALM}/user_auth/", login),
        (f"{RC}/user-auth", login),
    ]:
        response = await client.request("POST", path, body=body or None, headers=bearer)
        assert response.status == explain(world.app, "POST", path).status, response.body
    await world.app.stop()


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_checks(app: Crossbar, invoke: Invoke, path: str) -> None:
    """They are in no dialect, and never refused."""
    assert (200, "", ()) == ((found := explain(app, "GET", path)).status, found.dialect, found.nouns)
    assert f"200  GET {path}" == lines_of(invoke, "GET", path)[-1]
    assert 404 == explain(app, "GET", f"{path}/").status
