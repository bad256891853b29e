"""Published clients of the realm style, played against a running server; `realm_player` has what is known of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any, TypeVar

import pytest

from .conftest import Live, served
from .office import Office
from .realm_player import Go, OtherGo, Php, Refused, Tool, Wire, _Client

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(200))
HOOK = "https://example.com/hook"
EVER = "2000-01-01 00:00:00"
_numbers = count(88_000)
Made = TypeVar("Made", bound=_Client)


@pytest.fixture(scope="module")
def application(office: Office) -> dict[str, str]:
    """What an application of the account says of itself."""
    body = {"name": "Realm", "grants": ["client_credentials"], "scopes": ["calls"]}
    made = office.asked("PUT", office.at("/applications"), body)
    return {"client_id": made["client_id"], "client_secret": made["client_secret"]}


def logged_in(kind: type[Made], url: str, application: dict[str, str]) -> Made:
    """A client that has logged in."""
    client = kind(url, **application)
    tokens = client.log_in()
    assert ("Bearer", "calls") == (tokens["token_type"], tokens["scope"])
    assert tokens["expires_in"] > 0
    return client


@pytest.fixture
def go(live: Live, application: dict[str, str]) -> Go:
    """The client in Go."""
    return logged_in(Go, live.url, application)


def number() -> str:
    """A number that no other test has."""
    return str(next(_numbers))


def test_the_client_in_go(go: Go, live: Live) -> None:
    """Who it is, an extension from beginning to end, a web hook, and refusals."""
    who = go.user()
    assert (live.account_id, True, None) == (who["client_id"], who["admin"], who["extension_id"])
    name = number()
    made = go.add_extension("@me", {"name": name, "type": "phone", "extension_group_id": None})
    assert [made] == go.extensions("@me", name=name, type="phone")
    assert [] == go.extensions("@me", name=name, type="queue")
    changed = go.change_extension("@me", made["id"], {"status": "blocked"})
    assert {**made, "status": "blocked"} == changed
    event = go.add_event("@me", HOOK, "dial-out")
    assert (HOOK, "POST", "dial-out") == (event["url"], event["method"], event["event_type"])
    go.delete_extension(live.account_id, made["id"])
    with pytest.raises(Refused) as gone:
        go.change_extension("@me", made["id"], {"status": "active"})
    assert (404, "Not found", "extension_not_found") == (gone.value.status, gone.value.message, gone.value.word)
    with pytest.raises(Refused) as wrong:
        go.add_extension("@me", {"name": "not a number"})
    assert (400, True) == (wrong.value.status, wrong.value.message.startswith("name: "))


def test_a_history_page_by_page(go: Go, live: Live) -> None:
    """All calls of a window of time, whatever the size of the pages, in order and none twice."""
    rows = go.taken(go.call("GET", "/client/@me/cdr/?per_page=60"), 200)
    assert 60 == len(rows)
    start, end = rows[-1]["init_time_gmt"], rows[0]["init_time_gmt"]
    windows = [list(islice(go.history("@me", start, end, size), 500)) for size in (7, 1000)]
    assert windows[0] == windows[1]
    times = [row["init_time_gmt"] for row in windows[0]]
    assert (start, end) == (times[0], times[-1])
    assert times == sorted(times)
    assert {row["id"] for row in rows} <= {row["id"] for row in windows[0]}


def test_the_sound_of_a_recording(go: Go) -> None:
    """A recording that the client made, found by one of several values, and its sound by the address it was told."""
    names = [f"call {number()}" for _ in range(3)]
    made = [go.taken(go.call("POST", "/client/@me/record/", {"call_id": name, "name": name}), 201) for name in names]
    put = go.call("PUT", f"/record/{made[0]['id']}/content/", Content_Type="audio/wav")
    assert 400 == put.status  # nothing is no sound
    wire, headers = go.wire, {"Authorization": f"Bearer {go.token}", "Content_Type": "audio/wav"}
    put = wire.send("PUT", f"/api/ver1.0/record/{made[0]['id']}/content/", WAV, **headers)
    assert put.status in (200, 201), put.body
    assert {made[0]["id"], made[2]["id"]} == {row["id"] for row in go.sounds("/client/@me", [names[0], names[2]])}
    assert WAV == go.download("/client/@me", made[0]["id"])


def test_the_other_client_in_go(live: Live, application: dict[str, str]) -> None:
    """Tokens by the query of a request without a body; two slashes after the version, none at the end of lists."""
    client = logged_in(OtherGo, live.url, application)
    assert live.account_id == client.user()["client_id"]
    name = number()
    client.taken(client.call("POST", "/client/@me/extension", {"name": name}), 201)
    row = client.taken(client.call("GET", f"/client/@me/extension?count=1&name={name}"), 200)[0]
    assert row == client.extension(row["id"]) == client.extension(f"@{row['name']}")
    assert [] != client.phones(live.account_id)
    assert (HOOK, "GET") == tuple(client.add_event("@me", HOOK)[name] for name in ("url", "method"))
    assert client.wire.sent[0].startswith("POST /oauth/token?grant_type=client_credentials&client_id=")
    assert "GET /api/ver1.0//user" == client.wire.sent[1]


def test_the_client_in_php(live: Live, application: dict[str, str]) -> None:
    """Tokens by multipart, and slashes behind ids; calls window after window, with the last one coming twice."""
    client = logged_in(Php, live.url, application)
    assert live.account_id == client.client("@me")["id"]
    name = number()
    made = client.taken(client.call("POST", "/client/@me/extension", {"name": name}), 201)
    assert (
        made
        == client.extension("/client/@me", made["id"])
        == client.extension(f"/client/{live.account_id}", f"@{name}")
    )
    assert "Sales" == client.change_extension("/client/@me", made["id"], {"last_name": "Sales"})["last_name"]
    calls = list(islice(client.calls("/client/@me", EVER, 50), 120))
    assert 120 == len({row["id"] for row in calls})
    expected = client.taken(client.call("GET", "/client/@me/cdr?order=asc&per_page=120"), 200)
    assert expected == calls


def test_the_tool_in_javascript(live: Live, application: dict[str, str]) -> None:
    """It knows an old token by the message `Unauthorized`, and looks for 201 when it adds something."""
    client = logged_in(Tool, live.url, application)
    client.token += "x"
    assert live.account_id == client.get("/user")["client_id"]
    assert 2 == sum(line.startswith("POST /oauth/token?") for line in client.wire.sent)
    assert name_of(client.add("/client/@me/phone/", {"name": "Lobby"})) == "Lobby"
    assert "Europe/Berlin" in map(name_of, client.get("/timezone"))
    with pytest.raises(Refused) as refused:
        client.get("/client/1/extension/")
    assert (404, "client_not_found") == (refused.value.status, refused.value.word)
    wrong = Tool(live.url, application["client_id"], "wrong")
    with pytest.raises(Refused) as nobody:
        wrong.log_in()
    assert (401, "invalid_client") == (nobody.value.status, nobody.value.word)


def name_of(row: dict[str, Any]) -> Any:
    """What something is called."""
    return row["name"]


def test_a_refresh_token_that_is_no_good(live: Live, office: Office) -> None:
    """It is 401 with `invalid_grant`, upon which clients log in again."""
    app, person = office.application(), office.person()
    login = {"grant_type": "password", "username": person.username, "password": person.password}
    client = Go(live.url, app.id, app.secret)
    tokens = client.taken(client.ask_for_token(login | client.credentials), 200)
    asked = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **client.credentials}
    again = client.taken(client.ask_for_token(asked), 200)
    assert tokens["refresh_token"] != again["refresh_token"]
    answer = client.ask_for_token(asked | {"refresh_token": "nonsense"})
    assert (401, "invalid_grant") == (answer.status, answer.json()["error"])
    client.token = again["access_token"]
    who = client.user()
    assert (person.username, person.number) == (who["login"], who["number"])


@pytest.fixture(scope="module", params=["redirect", "strict"])
def other_policy(live: Live, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A second server over the same store, with another policy of slashes; its address."""
    folder: Path = tmp_path_factory.mktemp("slashes")
    with served(folder, live.store, rate__enabled="false", dialects__realm__slash=request.param) as url:
        yield url


def test_other_policies(other_policy: str, request: pytest.FixtureRequest, application: dict[str, str]) -> None:
    """Who follows redirects comes along where these are sent; a client that keeps the rule never notices any policy."""
    tidy = logged_in(Go, other_policy, application)
    made = tidy.add_extension("@me", {"name": number()})
    tidy.delete_extension("@me", made["id"])
    sloppy = logged_in(Php, other_policy, application)
    if "redirect" in request.node.name:
        made = sloppy.taken(sloppy.call("POST", "/client/@me/extension", {"name": number()}), 201)
        assert "Lab" == sloppy.change_extension("/client/@me", made["id"], {"last_name": "Lab"})["last_name"]
        assert any(line.endswith("/extension") for line in sloppy.wire.sent)
    else:
        with pytest.raises(Refused) as refused:
            sloppy.client("@me")
        assert (404, "not_found") == (refused.value.status, refused.value.word)


def test_limits_of_requests(throttled: str, office: Office) -> None:
    """What is left stands in the headers of every answer; when nothing is, the answer says when to come back."""
    wire = Wire(throttled, "Go-http-client/1.1")
    begun = time.monotonic()
    answers = [wire.send("GET", "/api/ver1.0/user/", Authorization=f"Bearer {office.token}") for _ in range(3)]
    filled = 10 * (time.monotonic() - begun)  # meanwhile, by the usual limits, if a busy machine took its time
    for answer in answers:
        assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= {*answer.headers}
    last = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
    assert last[-1] <= last[0] - 1 + filled


def test_times_are_in_utc(go: Go) -> None:
    """A new recording begins now, by the clock of UTC, without a word of a zone."""
    made = go.taken(go.call("POST", "/client/@me/record/", {"call_id": number()}), 201)
    begun = datetime.strptime(made["init_time_gmt"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - begun).total_seconds()) < 300
