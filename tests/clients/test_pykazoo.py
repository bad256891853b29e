"""The published PyKazoo package, unmodified, against a running server."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest

from .story import KINDS, Live, Story, device, user


@pytest.fixture(scope="module")
def package() -> Any:
    """Import the package, whose client and transport live in two modules."""
    pytest.importorskip("pykazoo.client", reason="PyKazoo is not installed")
    return pytest.importorskip("pykazoo")


def connect(package: Any, url: str, token: str | None = None) -> Any:
    """Make a client below that address, as the package's own constructor does."""
    transport = package.restrequest.RestRequest(url, token)
    return package.client.PyKazooClient(url, transport)


@pytest.fixture(scope="module")
def transport(package: Any, live: Live) -> Any:
    """Give the package's transport, which carries the token once a client has logged in."""
    transport = package.restrequest.RestRequest(f"{live.url}/v2")
    client = package.client.PyKazooClient(transport.api_url, transport)
    client.authentication.user_auth(live.username, live.password, live.account_name)
    return transport


@pytest.fixture(scope="module")
def client(package: Any, transport: Any) -> Any:
    """Give a client that has logged in."""
    return package.client.PyKazooClient(transport.api_url, transport)


@pytest.fixture(scope="module")
def cdrs(package: Any, live: Live, transport: Any) -> Any:
    """Give the call records of the account: the package's path for them names no account."""
    below_the_account = f"{live.url}/v2/accounts/{live.account_id}"
    return connect(package, below_the_account, transport.auth_token).cdrs


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def story(request: pytest.FixtureRequest) -> Story:
    """Tell the life of one document of each kind, with names that nobody else uses."""
    kind: Callable[[str], Story] = request.param
    return kind(uuid4().hex)


def call(client: Any, live: Live, verb: str, noun: str, *arguments: Any) -> Any:
    """Call the client method of that verb and noun, such as `users.create_user`."""
    return getattr(getattr(client, f"{noun}s"), f"{verb}_{noun}")(live.account_id, *arguments)


@contextmanager
def made(client: Any, live: Live, noun: str, body: dict[str, Any]) -> Iterator[Any]:
    """Create a document, and delete it at the end if it is still there."""
    document = call(client, live, "create", noun, {"data": body})["data"]
    try:
        yield document
    finally:
        with suppress(ValueError):
            call(client, live, "delete", noun, document["id"])


def ids(rows: list[Mapping[str, Any]]) -> list[str]:
    """Give the id of each row."""
    return [row["id"] for row in rows]


def same_fields(expected: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Give the document's values for the expected fields; the server may add others."""
    return {name: document[name] for name in expected if name in document}


def codes(field_errors: Mapping[str, Any]) -> dict[str, list[str]]:
    """Give the codes of each field's errors."""
    return {field: sorted(by_code) for field, by_code in field_errors.items()}


def refusal(raised: pytest.ExceptionInfo[Exception]) -> tuple[int, Any]:
    """Take status and envelope out of the package's message, `Error Code: 400 Data: b'...'`."""
    status, _, body = str(raised.value).removeprefix("Error Code: ").partition(" Data: ")
    return int(status), json.loads(ast.literal_eval(body))


def test_password_login_gives_token_and_account(package: Any, live: Live) -> None:
    """PUT user_auth answers with a token in the envelope and the account's id in its data."""
    client = connect(package, f"{live.url}/v2")
    assert client.authentication.authenticated is False
    reply = client.authentication.user_auth(live.username, live.password, live.account_name)
    assert client.authentication.authenticated is True
    assert live.account_id == client.authentication.account_id
    assert "success" == reply["status"]
    assert isinstance(reply["auth_token"], str)
    assert reply["auth_token"] != ""


def test_api_key_login_gives_token_and_account(package: Any, live: Live) -> None:
    """PUT api_auth answers with a token that opens the key's account."""
    client = connect(package, f"{live.url}/v2")
    client.authentication.api_auth(live.api_key)
    assert live.account_id == client.authentication.account_id
    account = client.accounts.get_account(live.account_id)["data"]
    assert (live.account_id, live.account_name) == (account["id"], account["name"])


def test_login_works_beside_a_stale_token(package: Any, live: Live) -> None:
    """The package sends its old token with a new login, which must not be refused for it."""
    client = connect(package, f"{live.url}/v2", "stale")
    reply = client.authentication.user_auth(live.username, live.password, live.account_name)
    assert reply["auth_token"] not in (None, "", "stale")
    assert live.account_id == client.accounts.get_account(live.account_id)["data"]["id"]


def test_wrong_password_is_a_permission_error(package: Any, live: Live) -> None:
    """A refused password is status 401 with the envelope, and no token is kept."""
    client = connect(package, f"{live.url}/v2")
    with pytest.raises(PermissionError) as raised:
        client.authentication.user_auth(live.username, "not the password", live.account_name)
    status, envelope = refusal(raised)
    assert (401, "error", "401") == (status, envelope["status"], envelope["error"])
    assert client.authentication.authenticated is False


@pytest.mark.parametrize("token", [None, "stale"], ids=["no token", "stale token"])
def test_call_without_a_good_token_is_a_permission_error(package: Any, live: Live, token: str | None) -> None:
    """A missing and an unknown token are both status 401 with the envelope."""
    client = connect(package, f"{live.url}/v2", token)
    with pytest.raises(PermissionError) as raised:
        client.users.get_users(live.account_id)
    status, envelope = refusal(raised)
    assert (401, "error", "401") == (status, envelope["status"], envelope["error"])


def test_account_is_read_by_its_id(live: Live, client: Any) -> None:
    """GET accounts/{id} is the account of the login."""
    reply = client.accounts.get_account(live.account_id)
    assert "success" == reply["status"]
    assert (live.account_id, live.account_name) == (reply["data"]["id"], reply["data"]["name"])


@pytest.mark.parametrize("noun", ["users", "devices", "callflows"])
def test_pages_together_are_the_listing(live: Live, client: Any, noun: str) -> None:
    """Following `next_start_key` gives each row once, in the order of the unpaged listing."""
    find = getattr(getattr(client, noun), f"get_{noun}")
    whole = ids(find(live.account_id, {"paginate": "false"})["data"])
    assert len(whole) > 60
    page = find(live.account_id, {"page_size": 25})
    sizes, walked = [page["page_size"]], ids(page["data"])
    while "next_start_key" in page and len(sizes) <= len(whole):
        key = page["next_start_key"]
        page = find(live.account_id, {"page_size": 25, "start_key": key})
        assert key == page["start_key"]
        sizes.append(page["page_size"])
        walked += ids(page["data"])
    assert whole == walked
    assert [25] * (len(sizes) - 1) == sizes[:-1]
    assert len(whole) == sum(sizes)


@pytest.mark.parametrize("noun", ["users", "devices", "callflows"])
def test_listing_turns_round(live: Live, client: Any, noun: str) -> None:
    """`ascending=true` gives the same rows from the other end."""
    find = getattr(getattr(client, noun), f"get_{noun}")
    newest_first = ids(find(live.account_id, {"paginate": "false"})["data"])
    oldest_first = ids(find(live.account_id, {"paginate": "false", "ascending": "true"})["data"])
    assert list(reversed(newest_first)) == oldest_first


def test_filter_gives_the_devices_of_one_owner(live: Live, client: Any) -> None:
    """A filter word in the query gives the one device of that owner."""
    tag = uuid4().hex
    with made(client, live, "user", user(tag).created) as owner:
        body = {**device(tag).created, "owner_id": owner["id"]}
        with made(client, live, "device", body) as owned:
            filters = {"filter_owner_id": owner["id"]}
            listing = client.devices.get_devices(live.account_id, filters)
            assert [owned["id"]] == ids(listing["data"])


def test_created_document_is_answered_read_and_listed(live: Live, client: Any, story: Story) -> None:
    """PUT answers with the document and its id; reading it and listing its kind show it."""
    with made(client, live, story.noun, story.created) as document:
        assert story.created == same_fields(story.created, document)
        reply = call(client, live, "get", story.noun, document["id"])
        assert "success" == reply["status"]
        assert document["id"] == reply["data"]["id"]
        assert story.created == same_fields(story.created, reply["data"])
        find = getattr(getattr(client, f"{story.noun}s"), f"get_{story.noun}s")
        listing = find(live.account_id, {"paginate": "false"})
        assert 1 == ids(listing["data"]).count(document["id"])


def test_update_replaces_the_document(live: Live, client: Any, story: Story) -> None:
    """POST answers with the new document, and a field that it leaves out is gone."""
    with made(client, live, story.noun, story.created) as document:
        body = {"data": story.replacement}
        reply = call(client, live, "update", story.noun, document["id"], body)
        read = call(client, live, "get", story.noun, document["id"])
        for answer in (reply["data"], read["data"]):
            assert document["id"] == answer["id"]
            assert story.replacement == same_fields(story.replacement, answer)
            assert story.dropped not in answer


def test_patch_goes_through_the_verb_of_the_envelope(live: Live, client: Any, story: Story) -> None:
    """The package has no PATCH, but its POST carries the caller's envelope with a `verb`."""
    with made(client, live, story.noun, story.created) as document:
        body = {"data": story.patch, "verb": "PATCH"}
        reply = call(client, live, "update", story.noun, document["id"], body)
        read = call(client, live, "get", story.noun, document["id"])
        for answer in (reply["data"], read["data"]):
            assert document["id"] == answer["id"]
            assert story.patched == same_fields(story.patched, answer)
            assert story.dropped not in answer


def test_deleted_document_is_gone(live: Live, client: Any, story: Story) -> None:
    """DELETE is status 200 with an envelope; then the document is no longer found or listed."""
    with made(client, live, story.noun, story.created) as document:
        reply = call(client, live, "delete", story.noun, document["id"])
        assert ("success", document["id"]) == (reply["status"], reply["data"]["id"])
        with pytest.raises(ValueError, match=r"^Error Code: 404 ") as raised:
            call(client, live, "get", story.noun, document["id"])
        status, envelope = refusal(raised)
        assert (404, "error", "404") == (status, envelope["status"], envelope["error"])
        find = getattr(getattr(client, f"{story.noun}s"), f"get_{story.noun}s")
        listing = find(live.account_id, {"paginate": "false"})
        assert 0 == ids(listing["data"]).count(document["id"])


@pytest.mark.parametrize(
    ("noun", "body", "expected"),
    [
        ("device", {"enabled": True}, {"name": ["required"]}),
        ("device", {"name": ["a", "list"]}, {"name": ["type"]}),
        (
            "user",
            {"email": "grace@example.com"},
            {"first_name": ["required"], "last_name": ["required"]},
        ),
    ],
    ids=["missing", "wrong type", "two fields"],
)
def test_validation_errors_are_in_the_value_error(
    live: Live, client: Any, noun: str, body: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    """A 400 is a value error whose text holds the envelope with each field and code."""
    with pytest.raises(ValueError, match=r"^Error Code: 400 ") as raised:
        call(client, live, "create", noun, {"data": body})
    _, envelope = refusal(raised)
    assert ("error", "400") == (envelope["status"], envelope["error"])
    assert expected == codes(envelope["data"])
    assert envelope["request_id"]


def test_body_without_data_is_a_value_error(live: Live, client: Any) -> None:
    """A caller who forgets the envelope is told that `data` is required."""
    with pytest.raises(ValueError, match=r"^Error Code: 400 ") as raised:
        client.devices.create_device(live.account_id, {"name": "No envelope"})
    _, envelope = refusal(raised)
    assert {"data": ["required"]} == codes(envelope["data"])


def test_create_without_a_body_reports_what_is_missing(live: Live, client: Any) -> None:
    """The package sends no body for an empty dictionary, and the server takes that as empty."""
    with pytest.raises(ValueError, match=r"^Error Code: 400 ") as raised:
        client.devices.create_device(live.account_id, {})
    _, envelope = refusal(raised)
    assert ["required"] == codes(envelope["data"])["name"]


def test_refused_update_leaves_the_document_alone(live: Live, client: Any, story: Story) -> None:
    """A POST that does not validate is a value error, and the document stays as it was."""
    with made(client, live, story.noun, story.created) as document:
        body = {"data": {**story.replacement, **story.wrong}}
        with pytest.raises(ValueError, match=r"^Error Code: 400 ") as raised:
            call(client, live, "update", story.noun, document["id"], body)
        _, envelope = refusal(raised)
        assert {field: ["type"] for field in story.wrong} == codes(envelope["data"])
        read = call(client, live, "get", story.noun, document["id"])
        assert story.created == same_fields(story.created, read["data"])


def test_verb_that_is_not_there_is_a_value_error(live: Live, transport: Any) -> None:
    """Deleting the listing of call records is status 405 with the envelope."""
    with pytest.raises(ValueError, match=r"^Error Code: 405 ") as raised:
        transport.delete(f"accounts/{live.account_id}/cdrs")
    _, envelope = refusal(raised)
    assert ("error", "405") == (envelope["status"], envelope["error"])


def test_call_records_are_paged(cdrs: Any) -> None:
    """Three pages of call records are 120 different rows."""
    rows: list[str] = []
    filters: dict[str, Any] = {"page_size": 40}
    for _ in range(3):
        page = cdrs.get_cdrs(filters)
        assert 40 == len(page["data"])
        rows += ids(page["data"])
        filters["start_key"] = page["next_start_key"]
    assert 120 == len(set(rows))


def test_chunked_call_records_are_the_same_rows(cdrs: Any) -> None:
    """A reply in chunks of ten is one JSON envelope with the same rows and paging words."""
    plain = cdrs.get_cdrs({"page_size": 40, "is_chunked": "false"})
    chunked = cdrs.get_cdrs({"page_size": 40, "is_chunked": "true", "chunk_size": 10})
    assert 40 == len(chunked["data"])
    assert plain["data"] == chunked["data"]
    assert "success" == chunked["status"]
    assert chunked["next_start_key"]


def test_call_record_is_read_by_the_id_of_its_row(live: Live, transport: Any, cdrs: Any) -> None:
    """GET cdrs/{id} is the record that the listing showed."""
    row = cdrs.get_cdrs({"page_size": 1})["data"][0]
    reply = transport.get(f"accounts/{live.account_id}/cdrs/{row['id']}")
    assert ("success", row["id"]) == (reply["status"], reply["data"]["id"])


def test_window_before_all_calls_is_empty(cdrs: Any) -> None:
    """A window in Gregorian seconds that ends in 1970 holds no call records and no next page."""
    page = cdrs.get_cdrs({"created_from": 62_167_219_200, "created_to": 62_167_219_260})
    assert [] == page["data"]
    assert "next_start_key" not in page


def test_backward_window_of_call_records_is_a_value_error(cdrs: Any) -> None:
    """A window that ends before it begins is told as an error of `created_from`."""
    with pytest.raises(ValueError, match=r"^Error Code: 400 ") as raised:
        cdrs.get_cdrs({"created_from": 63_700_000_001, "created_to": 63_700_000_000})
    _, envelope = refusal(raised)
    assert {"created_from": ["date_range"]} == codes(envelope["data"])
