"""Whatever is sent, nothing may ever cause a 5xx: bodies, control words, queries and paths made up at random."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from .tools import SAMPLES, Home, token_field, wire

SMALL = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
WRITES = ("PUT", "POST", "PATCH")

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["", "0", "true", "1e999", "\0", "a.b", "..", "admin", "\U0001f600"])
)
NAMES = st.sampled_from(
    [
        *("name", "id", "realm", "enabled", "sip", "username", "password", "mac_address", "owner_id", "credentials"),
        *("method", "account_name", "account_id", "account_realm", "api_key", "flow", "module", "children", "data"),
        *("numbers", "endpoints", "entries", "media", "first_name", "last_name", "email", "cycle", "days", "uri"),
        *("hook", "users", "caller_id", "external", "number", "call_forward", "call_restriction", "_id", "pvt_x"),
        *("", "verb", "type", "properties", "$ref"),
    ]
) | st.text(max_size=8)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5))
OBJECTS = st.dictionaries(NAMES, JSON, max_size=8)


OPERATIONS: list[tuple[str, str]] = [
    ("PUT", "/accounts"),
    ("PUT", "{home}"),
    ("POST", "{home}"),
    ("PATCH", "{home}"),
    ("PUT", "{home}/api_key"),
    ("PUT", "/user_auth"),
    ("PUT", "/api_auth"),
    ("DELETE", "{home}/devices/{device}"),
    ("PUT", "/schemas/users/validation"),
    ("POST", "{home}/devices/{device}/sync"),
    ("PUT", "{home}/users/{user}/devices"),
    ("GET", "{home}/devices"),
    ("PUT", "/schemas/callflows/validation"),
    ("POST", "{home}/users/{user}/devices/{device}"),
    *(
        (method, f"{{home}}/{sample.noun}{'' if method == 'PUT' else '/{' + sample.noun + '}'}")
        for sample in SAMPLES
        for method in WRITES
    ),
]


@pytest.fixture(scope="session")
def pool() -> tuple[list[Any], list[dict[str, Any]]]:
    """JSON values and objects, made up once for all operations."""
    values: list[Any] = []
    objects: list[dict[str, Any]] = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(value=JSON, data=OBJECTS)
    def collect(value: Any, data: dict[str, Any]) -> None:
        values.append(value)
        objects.append(data)

    collect()
    return values, objects


@pytest.mark.parametrize("operation", OPERATIONS, ids=[f"{method} {path}" for method, path in OPERATIONS])
async def test_any_json_as_a_body(
    home: Home, operation: tuple[str, str], pool: tuple[list[Any], list[dict[str, Any]]]
) -> None:
    """Whatever JSON is sent to any operation, as the body, as its data, or in fields of a good one, there is no 5xx."""
    method, path = operation
    found = {sample.noun: await home.made(f"/{sample.noun}", sample.body) for sample in SAMPLES}
    good = next((sample.body for sample in SAMPLES if f"/{sample.noun}" in path), {"name": "x"})
    path = path.format(home=home.at(), user=found["users"], device=found["devices"], **found)
    values, objects = pool
    bodies = [*values, *({"data": data} for data in objects), *({"data": good | data} for data in objects)]
    for body in bodies:
        response = await home.client.request(method, path, body=orjson.dumps(body))
        assert response.status < 500, body
        assert isinstance(response.json()["data"], dict | list)


@SMALL
@given(operation=st.sampled_from(OPERATIONS), body=st.binary(max_size=60))
async def test_any_bytes_as_a_body(home: Home, operation: tuple[str, str], body: bytes) -> None:
    """Whatever bytes are sent to any operation, the answer is no 5xx."""
    response = await home.client.request(
        operation[0],
        operation[1].format(
            home=home.at(), user="u", device="d", **dict.fromkeys([sample.noun for sample in SAMPLES], "x")
        ),
        body=body,
    )
    assert response.status < 500


@SMALL
@given(
    envelope=st.dictionaries(
        st.sampled_from(
            [
                *("data", "verb", "accept", "auth_token", "page_size", "start_key", "fields", "paginate", "ascending"),
                *("created_from", "modified_to", "full_docs", "pretty_print", "should_soft_delete", "file_name"),
                *("filter_name", "has_key", "Data", ""),
            ]
        ),
        JSON,
        max_size=6,
    )
)
async def test_any_control_word_in_the_envelope(home: Home, envelope: dict[str, Any]) -> None:
    """Whatever stands in control words of an envelope, the answer is no 5xx."""
    for method, path in (("POST", "/devices"), ("PUT", "/devices"), ("DELETE", "/devices/x")):
        for more in ({}, {"verb": "GET"}):
            response = await home.client.request(method, home.at(path), body=orjson.dumps(envelope | more))
            assert response.status < 500


WORDS = st.sampled_from(
    [
        *("page_size", "start_key", "ascending", "descending", "paginate", "fields", "full_docs", "created_from"),
        *("created_to", "modified_from", "modified_to", "filter_name", "filter_not_name", "filter_any_name"),
        *("filter_none_a.b", "has_key", "key_missing", "has_value", "value_missing", "filter_array_intersect_all_x"),
        *("accept", "file_name", "pretty_print", "is_chunked", "chunk_size", "jsonp", "_", "", "filter_", "verb"),
        "should_soft_delete",
    ]
)
VALUES = (
    st.text(max_size=12)
    | JSON.map(lambda value: orjson.dumps(value).decode())
    | st.sampled_from(
        [
            "0",
            "1",
            "-1",
            "true",
            "false",
            "63780000000",
            "99999999999999",
            "[]",
            "{}",
            '["a"]',
            '{"a":true}',
            "a.b",
            "csv",
            "GET",
        ]
    )
)
LISTS = [
    *("/devices", "/cdrs", "/cdrs/interaction", "/cdrs/summary", "/children", "/descendants", "/siblings"),
    *("/parents", "/users", "/groups", "/devices/status", "/cdrs/legs/x", ""),
]


@SMALL
@given(words=st.lists(st.tuples(WORDS, VALUES), max_size=4), path=st.sampled_from(LISTS), stream=st.booleans())
@example(words=[("created_from", "999999999999999")], path="/devices", stream=False)
@example(words=[("fields", '["\\u0000"]')], path="/devices", stream=False)
@example(words=[("filter_\0", "x")], path="/devices", stream=True)
async def test_any_query(home: Home, words: list[tuple[str, str]], path: str, stream: bool) -> None:
    """Whatever is asked of any listing, the answer is no 5xx."""
    if not (await home.get("/devices")).data:
        await home.stored("devices", [{"name": "a", "a": {"b": [1, "x"]}}, {"name": ["a"], "a": None}])
        await home.stored("cdrs", [{"id": "202605-1", "call_id": "x"}])
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in words)
    response = await home.get(f"{path}?{query}{'&paginate=false' if stream else ''}")
    assert response.status < 500


@SMALL
@given(query=st.binary(max_size=40))
@example(query=b"%")
@example(query=b"=&=&==")
@example(query=b"a=%00&%ff")
async def test_any_bytes_as_a_query(home: Home, query: bytes) -> None:
    """Whatever bytes stand in the query, the answer is no 5xx."""
    response = await wire(
        home.world.app, "GET", f"/v2{home.at()}/devices?".encode() + query, [token_field(home.client)]
    )
    assert response.status < 500


ENDPOINTS = [
    *("accounts", "account", "users", "devices", "callflows", "cdrs", "groups", "menus", "lists", "temporal_rules"),
    *("directories", "webhooks", "schemas", "about", "user_auth", "api_auth", "token_auth"),
]
ACTIONS = [
    *("status", "sync", "interaction", "summary", "legs", "children", "descendants", "siblings", "parents", "tree"),
    *("api_key", "validation"),
]
SEGMENTS = st.one_of(
    st.sampled_from(ENDPOINTS),
    st.sampled_from(ENDPOINTS),
    st.sampled_from(ACTIONS),
    st.sampled_from(
        ["{home}", "{user}", "{device}", "f" * 32, "", ".", "..", "%2F", "%00", "%zz", "x", "0", "v2", "%20"]
    ),
    st.text(max_size=6).map(lambda text: quote(text, safe="")),
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    segments=st.lists(SEGMENTS, max_size=8),
    method=st.sampled_from(["GET", "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    version=st.sampled_from(["v1", "v2", "v9", ""]),
    known=st.booleans(),
)
async def test_any_path(home: Home, segments: list[str], method: str, version: str, known: bool) -> None:
    """Whatever a path is made of, and whoever asks, the answer is no 5xx, and it has an envelope."""
    user = (await home.get("/users")).data
    if not user:
        await home.made("/users", {"first_name": "Ada", "last_name": "Byron"})
        await home.made("/devices", {"name": "Desk"})
        user = (await home.get("/users")).data
    device = (await home.get("/devices")).data
    filled = [
        segment.replace("{home}", home.id)
        .replace("{user}", user[0]["id"])
        .replace("{device}", device[0]["id"] if device else "x")
        for segment in segments
    ]
    target = "/".join(["", *([version] if version else []), *filled]).encode() or b"/"
    fields = [token_field(home.client)] if known else []
    if b"/token_auth" in target and method == "DELETE":
        fields = []
    if method == "DELETE" and filled[-1:] == [home.id]:
        return
    response = await wire(home.world.app, method, target, fields)
    assert response.status < 500, (target, response.body)
    if response.body:
        envelope = response.json()
        assert envelope["status"] in ("success", "error")
        assert response.headers["x-request-id"] == envelope["request_id"]
    if not known and response.status not in (400, 401, 404):
        assert method == "OPTIONS" or b"schemas" in target, target
