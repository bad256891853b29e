"""A story in each dialect: an account and what is in it, made, found, changed, fetched, taken away and overdue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from crossbar.passwords import wire_credentials

from .diary import Diary

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(256)) * 3000
"""More than three chunks of GridFS."""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
PASSWORD = "correct horse battery"
FORM = "application/x-www-form-urlencoded"
NOWHERE = "f" * 32
DAY = 86_400

DEVICES: tuple[dict[str, Any], ...] = (
    {"name": "Desk", "device_type": "sip_device", "mac_address": "02:00:5e:00:53:01"},
    {"name": "Hall", "device_type": "softphone", "mac_address": "02:00:5e:00:53:02", "enabled": False},
    {"name": "Müller", "device_type": "softphone", "note": {"$where": "a.b", "x.y": [1, None]}},
    {"name": "Fax", "device_type": "fax", "note": ["$gt", {"$ne": 1}]},
    {"name": "$Desk.*", "device_type": "softphone", "note": ""},
)
FILTERS = (
    *("filter_device_type=softphone", "filter_not_device_type=softphone", "filter_name=%24Desk.*", "filter_x.y=1"),
    *("key_missing=note", "has_key=note", "has_value=note", "filter_enabled=false", "filter_note.%24where=a.b"),
    "created_from=63947296810&created_to=63947296812",
)


async def crossbar(diary: Diary) -> None:
    """The story in Crossbar's own words."""
    home = f"/v2/accounts/{diary.world.id(diary.account)}"
    await diary.log_in()
    await diary.made("PUT", f"{home}/webhooks", _hook(diary))
    account = (await diary.made("PUT", home, {"name": diary.branch}))["id"]
    await diary.ask("PUT", home, {"name": diary.branch}, 400)
    branch = f"/v2/accounts/{account}"
    person = {"first_name": "Ada", "last_name": "Byron", "username": "ada", "password": PASSWORD}
    user = (await diary.made("PUT", f"{branch}/users", person))["id"]
    await diary.ask("PUT", f"{branch}/users", person, 400)
    made = [await diary.made("PUT", f"{branch}/devices", each | {"owner_id": user}) for each in DEVICES]
    await diary.ask("PUT", f"{branch}/devices", DEVICES[0], 400)
    await diary.ask("PUT", f"{home}/devices", {"name": "Of home"}, 201)
    devices = f"{branch}/devices"
    for words in (*FILTERS, f"filter_owner_id={user}&page_size=2", f"filter_owner_id={NOWHERE}"):
        await diary.ask("GET", f"{devices}?{words}")
    for order in ("", "&ascending=true"):
        key = ""
        for _ in range(3):
            page = (await diary.ask("GET", f"{devices}?page_size=2{order}{key}")).json()
            key = f"&start_key={page['next_start_key']}" if "next_start_key" in page else ""
        assert not key
    await _conditions(diary, f"{devices}/{made[0]['id']}", {"data": {"name": "Desk 2"}})
    await diary.ask("PUT", devices, {"name": "Once"}, 201, idempotency_key="once")
    await diary.ask("PUT", devices, {"name": "Once"}, 201, idempotency_key="once")
    await diary.ask("PUT", devices, {"name": "Twice"}, 409, idempotency_key="once")
    song = (await diary.made("PUT", f"{branch}/media", {"name": "Song", "streamable": True}))["id"]
    await _file(diary, f"{branch}/media/{song}/raw", WAV)
    await diary.ask("DELETE", f"{branch}/media/{song}/raw")
    await diary.ask("GET", f"{branch}/media/{song}/raw", status=404)
    for kind in ("application/x-ndjson", "text/csv"):
        await diary.ask("GET", f"{devices}?paginate=false", accept=kind)
    await diary.ask("DELETE", f"{devices}/{made[1]['id']}")
    await diary.ask("DELETE", f"{devices}/{made[3]['id']}?should_soft_delete=false")
    await diary.ask("GET", f"{devices}/{made[1]['id']}", status=404)
    await diary.ask("DELETE", f"{devices}/{made[1]['id']}", status=404)
    await diary.ask("PUT", devices, DEVICES[1], 201)
    login = {"credentials": wire_credentials("ada", PASSWORD)[0], "account_name": diary.branch}
    await diary.ask("PUT", "/v2/user_auth", login | {"credentials": "0" * 32}, 401, token="")
    token = (await diary.ask("PUT", "/v2/user_auth", login, 201, token="")).json()["auth_token"]
    await diary.ask("GET", devices, token=token)
    await diary.ask("DELETE", "/v2/token_auth", token=token)
    await diary.ask("GET", devices, status=401, token=token)
    diary.forward(DAY + 60)
    await diary.ask("GET", devices, status=401)
    await diary.log_in()
    await diary.ask("PUT", devices, {"name": "Once"}, 201, idempotency_key="once")
    await diary.ask("GET", devices)
    await diary.ask("GET", f"{home}/descendants")
    await diary.ask("DELETE", branch)
    await diary.ask("GET", devices, status=404)
    await diary.received(1)


async def ringcentral(diary: Diary) -> None:
    """The story in RingCentral's words."""
    top = "/restapi/v1.0"
    await diary.log_in()
    hook = {"eventFilters": [f"{top}/account/~/device"], "deliveryMode": {"address": diary.receiver.uri}}
    await diary.ask("POST", f"{top}/subscription", hook)
    account = (await diary.made("POST", f"{top}/account", {"name": diary.branch}, 200))["id"]
    await diary.ask("POST", f"{top}/account", {"name": diary.branch}, 400)
    branch = f"{top}/account/{account}"
    contact = {"firstName": "Ada", "lastName": "Byron", "email": "ada@example.com"}
    person = {"extensionNumber": "101", "contact": contact, "type": "User"}
    person |= {"username": "ada", "password": PASSWORD}
    user = (await diary.made("POST", f"{branch}/extension", person, 200))["id"]
    await diary.ask("POST", f"{branch}/extension", person, 400)
    devices = f"{branch}/extension/{user}/device"
    wanted = [(each["name"], each.get("note")) for each in DEVICES]
    made = [
        (await diary.made("POST", devices, {"name": name, "type": kind, "note": note}, 200))["id"]
        for (name, note), kind in zip(wanted, ("SoftPhone", "HardPhone", "SoftPhone", "Fax", "SoftPhone"), strict=False)
    ]
    await diary.ask("POST", f"{top}/account/~/device", {"name": "Of home"})
    for words in ("type=SoftPhone", "type=SoftPhone&type=Fax", "perPage=2&page=2", "perPage=2&page=9"):
        await diary.ask("GET", f"{devices}?{words}")
    for path in ("account/~/device", "account/~/extension"):
        await diary.ask("GET", f"{top}/{path}?perPage=1&page=1")
    await _conditions(diary, f"{branch}/device/{made[0]}", {"name": "Desk 2"})
    await diary.ask("GET", f"{branch}/device/{made[1]},{made[0]},{NOWHERE}", status=207)
    await diary.ask("POST", devices, {"name": "Once"}, idempotency_key="once")
    await diary.ask("POST", devices, {"name": "Once"}, idempotency_key="once")
    await diary.ask("POST", devices, {"name": "Twice"}, 409, idempotency_key="once")
    recording = (await diary.made("POST", f"{branch}/recording", {"telephonySessionId": "leg"}, 200))["id"]
    await _file(diary, f"{branch}/recording/{recording}/content", WAV)
    await diary.ask("DELETE", f"{branch}/recording/{recording}", status=204)
    await diary.ask("GET", f"{branch}/recording/{recording}/content", status=404)
    for kind in ("application/x-ndjson", "text/csv"):
        await diary.ask("GET", devices, accept=kind)
    await diary.ask("DELETE", f"{branch}/device/{made[1]},{made[2]}", status=204)
    await diary.ask("GET", f"{branch}/device/{made[1]}", status=404)
    application = {"name": "App", "grants": ["password", "refresh_token"]}
    client = await diary.made("POST", f"{branch}/application", application, 200)
    client = {"client_id": client["clientId"], "client_secret": client["clientSecret"]}
    await _session(diary, "/restapi/oauth", client, devices, refused=400)
    diary.forward(DAY + 60)
    await diary.ask("GET", devices, status=401)
    await diary.log_in()
    await diary.ask("POST", devices, {"name": "Once"}, idempotency_key="once")
    await diary.ask("GET", devices)
    await diary.ask("DELETE", branch, status=204)
    await diary.ask("GET", devices, status=404)
    await diary.received(1)


async def realm(diary: Diary) -> None:
    """The story in the realm style's words."""
    top = "/api/ver1.0"
    await diary.log_in()
    hook = {"event_type": "object", "uri": diary.receiver.uri, "http_verb": "post", "format": "json"}
    await diary.ask("POST", f"{top}/client/@me/event/", hook, 201)
    account = (await diary.made("POST", f"{top}/client/", {"name": diary.branch, "prefix": "1844"}))["id"]
    await diary.ask("POST", f"{top}/client/", {"name": "Other", "prefix": "1844"}, 400)
    branch = f"{top}/client/{account}"
    person = {"name": "101", "first_name": "Ada", "last_name": "Byron", "username": "ada", "password": PASSWORD}
    user = (await diary.made("POST", f"{branch}/extension/", person))["id"]
    await diary.ask("POST", f"{branch}/extension/", person, 400)
    for number in ("@101", "@102"):
        await diary.ask("GET", f"{branch}/extension/{number}", status=200 if number == "@101" else 404)
    phones = f"{branch}/extension/{user}/phone/"
    made = [(await diary.made("POST", phones, each))["id"] for each in DEVICES]
    await diary.ask("POST", phones, DEVICES[0], 400)
    await diary.ask("POST", f"{top}/client/@me/phone/", {"name": "Of home"}, 201)
    words = ["device_type=softphone", "device_type=softphone&device_type=fax", "name=%24Desk.*", "enabled=false"]
    words += ["name=Fax&device_type=fax", f"extension_id={NOWHERE}", "note=%24gt", "$where=1", "note="]
    words += ["start_datetime=2026-05-30+00:13:29&end_datetime=2026-05-30+00:13:30"]
    for order in ("desc", "asc"):
        words += [f"order={order}&per_page=2&page={page}" for page in (1, 2, 3, 4)]
    for each in words:
        await diary.ask("GET", f"{phones}?{each}")
    await _conditions(diary, f"{branch}/phone/{made[0]}", {"name": "Desk 2"})
    await diary.ask("POST", phones, {"name": "Once"}, 201, idempotency_key="once")
    await diary.ask("POST", phones, {"name": "Once"}, 201, idempotency_key="once")
    await diary.ask("POST", phones, {"name": "Twice"}, 409, idempotency_key="once")
    record = (await diary.made("POST", f"{branch}/extension/{user}/record/", {"call_id": "leg"}))["id"]
    await _file(diary, f"{branch}/record/{record}/content/", WAV)
    await diary.ask("GET", f"{branch}/record/{record}/storage_url/")
    await diary.ask("DELETE", f"{branch}/record/{record}", status=204)
    await diary.ask("GET", f"{branch}/record/{record}/content/", status=404)
    for kind in ("application/x-ndjson", "text/csv"):
        await diary.ask("GET", phones, accept=kind)
    await diary.ask("DELETE", f"{branch}/phone/{made[1]}", status=204)
    await diary.ask("GET", f"{branch}/phone/{made[1]}", status=404)
    await diary.ask("POST", phones, DEVICES[1], 201)
    application = {"name": "App", "grants": ["password", "refresh_token"]}
    client = await diary.made("POST", f"{branch}/application/", application)
    client = {name: client[name] for name in ("client_id", "client_secret")}
    await _session(diary, "/oauth", client, f"{top}/extension/@me/phone/", refused=401)
    diary.forward(DAY + 60)
    await diary.ask("GET", phones, status=401)
    await diary.log_in()
    await diary.ask("POST", phones, {"name": "Once"}, 201, idempotency_key="once")
    await diary.ask("GET", phones)
    await diary.ask("DELETE", branch, status=204)
    await diary.ask("GET", phones, status=404)
    await diary.received(1)


STORIES: Mapping[str, Callable[[Diary], Awaitable[None]]] = {
    "crossbar": crossbar,
    "ringcentral": ringcentral,
    "realm": realm,
}


def _hook(diary: Diary) -> dict[str, Any]:
    return {"name": "Hook", "uri": diary.receiver.uri, "hook": "object", "http_verb": "post", "format": "json"}


async def _session(diary: Diary, place: str, application: Mapping[str, str], path: str, *, refused: int) -> None:
    """Log in through an application, go on with what refreshes the token, and end the session."""
    login = {"grant_type": "password", "username": "ada", "password": PASSWORD, **application}

    async def token(fields: Mapping[str, str], status: int = 200) -> Any:
        body = urlencode(fields).encode()
        return (await diary.ask("POST", f"{place}/token", None, status, body=body, token="", content_type=FORM)).json()

    await token(login | {"password": "wrong"}, refused)
    first = await token(login)
    await diary.ask("GET", path, token=first["access_token"])
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **application}
    second = await token(refresh)
    await diary.ask("GET", path, token=second["access_token"])
    ended = urlencode({"token": second["access_token"], **application}).encode()
    await diary.ask("POST", f"{place}/revoke", body=ended, token="", content_type=FORM)
    await diary.ask("GET", path, status=401, token=second["access_token"])
    await token(refresh | {"refresh_token": second["refresh_token"]}, refused)


async def _conditions(diary: Diary, path: str, change: Any) -> None:
    """Change something only as it was seen."""
    seen = (await diary.ask("GET", path)).headers["etag"]
    await diary.ask("GET", path, status=304, if_none_match=seen)
    patch = "PATCH" if "data" in change else "PUT"
    change = change.get("data", change)
    await diary.ask(patch, path, change, 412, if_match='"another"')
    await diary.ask(patch, path, change, if_match=seen)
    await diary.ask(patch, path, change, 412, if_match=seen)
    await diary.ask("GET", path, if_none_match=seen)


async def _file(diary: Diary, path: str, content: bytes) -> None:
    """Upload a sound, and fetch it and pieces of it."""
    await diary.ask("PUT", path, None, 201, body=content, content_type="audio/wav")
    whole = await diary.ask("GET", path)
    assert content == whole.body
    for wanted in ("bytes=0-9", "bytes=-10", f"bytes=1000-{len(content) - 1000}", "bytes=1024-"):
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        begin = int(first) if first else -int(last)
        end = int(last) + 1 if first and last else None
        assert content[begin:end] == (await diary.ask("GET", path, status=206, range=wanted)).body
    await diary.ask("GET", path, status=416, range=f"bytes={len(content)}-")
    await diary.ask("GET", path, status=304, if_none_match=whole.headers["etag"])
    await diary.ask("HEAD", path)
