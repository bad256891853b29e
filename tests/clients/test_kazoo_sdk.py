"""The published kazoo-sdk package, unmodified, against a running server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest

from .story import KINDS, Live, Story, device, user


@pytest.fixture(scope="module")
def sdk() -> Iterator[Any]:
    """Import the package, and undo the change that it makes to the `json` module."""
    with pytest.MonkeyPatch.context() as patch:
        # NOTE: importing kazoo replaces `json`'s default decoder for the whole process.
        patch.setattr("json._default_decoder", json.JSONDecoder())
        # NOTE: the ZooKeeper client is called `kazoo` too, but has no `rest_resources`.
        pytest.importorskip("kazoo.rest_resources", reason="kazoo-sdk is not installed")
        yield pytest.importorskip("kazoo")


def connect(sdk: Any, live: Live, version: str) -> Any:
    """Make a client that has not logged in yet."""
    return sdk.Client(
        username=live.username,
        password=live.password,
        account_name=live.account_name,
        base_url=f"{live.url}/{version}",
    )


@pytest.fixture(scope="module")
def v1(sdk: Any, live: Live) -> Any:
    """Log in to the version that the package asks for by default."""
    client = connect(sdk, live, "v1")
    client.authenticate()
    return client


@pytest.fixture(scope="module")
def v2(sdk: Any, live: Live) -> Any:
    """Log in to the current version."""
    client = connect(sdk, live, "v2")
    client.authenticate()
    return client


@pytest.fixture(params=["v1", "v2"])
def client(request: pytest.FixtureRequest) -> Any:
    """Give a client of each version."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def story(request: pytest.FixtureRequest) -> Story:
    """Tell the life of one document of each kind, with names that nobody else uses."""
    kind: Callable[[str], Story] = request.param
    return kind(uuid4().hex)


def ask(sdk: Any, live: Live, client: Any, path: str, **query: Any) -> Any:
    """Send a GET below the account, with a query, as the package's own request object does."""
    request = sdk.request_objects.KazooRequest("/accounts/{account_id}/" + path, get_params=query)
    return request.execute(client.base_url, token=client.auth_token, account_id=live.account_id)


def call(client: Any, live: Live, verb: str, noun: str, *arguments: Any) -> Any:
    """Call the client method of that verb and noun, such as `create_user`."""
    return getattr(client, f"{verb}_{noun}")(live.account_id, *arguments)


@contextmanager
def made(sdk: Any, client: Any, live: Live, noun: str, body: dict[str, Any]) -> Iterator[Any]:
    """Create a document, and delete it at the end if it is still there."""
    document = call(client, live, "create", noun, body)["data"]
    try:
        yield document
    finally:
        with suppress(sdk.exceptions.KazooApiError):
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


def test_password_login_gives_a_token_for_the_account(sdk: Any, live: Live) -> None:
    """PUT user_auth with hashed credentials answers with a token and the account's id."""
    client = connect(sdk, live, "v2")
    token = client.authenticate()
    assert isinstance(token, str)
    assert token != ""
    assert "success" == client.auth_data["status"]
    assert live.account_id == client.auth_data["data"]["account_id"]


def test_api_key_login_gives_a_token_that_reads_the_account(sdk: Any, live: Live) -> None:
    """PUT api_auth answers with a token that opens the key's account."""
    client = sdk.Client(api_key=live.api_key, base_url=f"{live.url}/v2")
    client.authenticate()
    account = client.get_account(live.account_id)["data"]
    assert (live.account_id, live.account_name) == (account["id"], account["name"])


def test_wrong_password_is_the_clients_authentication_error(sdk: Any, live: Live) -> None:
    """A refused password is told with `error` "401", which the package compares as text."""
    client = sdk.Client(
        username=live.username,
        password="not the password",
        account_name=live.account_name,
        base_url=f"{live.url}/v2",
    )
    with pytest.raises(sdk.exceptions.KazooApiAuthenticationError):
        client.authenticate()
    assert client.auth_token is None


def test_wrong_api_key_is_the_clients_authentication_error(sdk: Any, live: Live) -> None:
    """An unknown API key is told with `error` "401"."""
    client = sdk.Client(api_key="0" * 64, base_url=f"{live.url}/v2")
    with pytest.raises(sdk.exceptions.KazooApiAuthenticationError):
        client.authenticate()
    assert client.auth_token is None


def test_call_without_a_token_makes_the_client_log_in(sdk: Any, live: Live) -> None:
    """A 401 makes the package log in and ask again, so that the first call needs no login."""
    client = connect(sdk, live, "v2")
    account = client.get_account(live.account_id)["data"]
    assert live.account_id == account["id"]
    assert client.auth_token


def test_stale_token_makes_the_client_log_in_again(sdk: Any, live: Live) -> None:
    """A token that the server does not know is replaced by a new login."""
    client = connect(sdk, live, "v2")
    client.auth_token = "stale"
    account = client.get_account(live.account_id)["data"]
    assert live.account_id == account["id"]
    assert client.auth_token not in (None, "stale")


def test_manual_request_without_a_token_is_a_401(sdk: Any, live: Live) -> None:
    """A call that the package does not retry shows the refusal as it was sent."""
    client = connect(sdk, live, "v2")
    succeeded, response = client.manual_request(f"/accounts/{live.account_id}/users")
    assert (False, 401) == (succeeded, response.status_code)
    assert ("error", "401") == (response.json()["status"], response.json()["error"])


def test_account_is_read_by_its_id(live: Live, client: Any) -> None:
    """GET accounts/{id} is the account of the login."""
    reply = client.get_account(live.account_id)
    assert "success" == reply["status"]
    assert (live.account_id, live.account_name) == (reply["data"]["id"], reply["data"]["name"])


@pytest.mark.parametrize("noun", ["users", "devices", "callflows"])
def test_v2_listing_is_cut_into_pages(live: Live, v2: Any, noun: str) -> None:
    """A listing without a query is the first 50 rows and the place of the next."""
    first = getattr(v2, f"get_{noun}")(live.account_id)
    assert (50, 50) == (len(first["data"]), first["page_size"])
    assert isinstance(first["next_start_key"], str)


@pytest.mark.parametrize("noun", ["users", "devices", "callflows"])
def test_v1_listing_is_whole(live: Live, v1: Any, noun: str) -> None:
    """Version 1 gives every row at once and no paging words."""
    listing = getattr(v1, f"get_{noun}")(live.account_id)
    assert len(listing["data"]) > 60
    assert set() == {"page_size", "start_key", "next_start_key"} & set(listing)


@pytest.mark.parametrize("noun", ["users", "devices", "callflows"])
def test_pages_together_are_the_listing(sdk: Any, live: Live, v2: Any, noun: str) -> None:
    """Following `next_start_key` gives each row once, in the order of the unpaged listing."""
    whole = ids(ask(sdk, live, v2, noun, paginate="false")["data"])
    assert len(whole) > 60
    page = ask(sdk, live, v2, noun, page_size=25)
    sizes, walked = [len(page["data"])], ids(page["data"])
    while "next_start_key" in page and len(sizes) <= len(whole):
        key = page["next_start_key"]
        page = ask(sdk, live, v2, noun, page_size=25, start_key=key)
        assert key == page["start_key"]
        sizes.append(len(page["data"]))
        walked += ids(page["data"])
    assert whole == walked
    assert [25] * (len(sizes) - 1) == sizes[:-1]


def test_devices_are_listed_by_owner(sdk: Any, live: Live, client: Any) -> None:
    """The package's `filter_owner_id` gives the one device of that owner."""
    tag = uuid4().hex
    with made(sdk, client, live, "user", user(tag).created) as owner:
        body = {**device(tag).created, "owner_id": owner["id"]}
        with made(sdk, client, live, "device", body) as owned:
            listing = client.list_devices_by_owner(live.account_id, owner["id"])
            assert [owned["id"]] == ids(listing["data"])


def test_created_document_is_answered_read_and_listed(sdk: Any, live: Live, client: Any, story: Story) -> None:
    """PUT answers with the document and its id; reading it and listing its kind show it."""
    with made(sdk, client, live, story.noun, story.created) as document:
        assert story.created == same_fields(story.created, document)
        reply = call(client, live, "get", story.noun, document["id"])
        assert "success" == reply["status"]
        assert document["id"] == reply["data"]["id"]
        assert story.created == same_fields(story.created, reply["data"])
        listing = ask(sdk, live, client, f"{story.noun}s", paginate="false")
        assert 1 == ids(listing["data"]).count(document["id"])


def test_update_replaces_the_document(sdk: Any, live: Live, client: Any, story: Story) -> None:
    """POST answers with the new document, and a field that it leaves out is gone."""
    with made(sdk, client, live, story.noun, story.created) as document:
        reply = call(client, live, "update", story.noun, document["id"], story.replacement)
        read = call(client, live, "get", story.noun, document["id"])
        for answer in (reply["data"], read["data"]):
            assert document["id"] == answer["id"]
            assert story.replacement == same_fields(story.replacement, answer)
            assert story.dropped not in answer


def test_patch_merges_into_the_document(sdk: Any, live: Live, client: Any, story: Story) -> None:
    """PATCH, sent with `manual_request`, keeps what it does not name and removes what is null."""
    with made(sdk, client, live, story.noun, story.created) as document:
        uri = f"/accounts/{live.account_id}/{story.noun}s/{document['id']}"
        succeeded, answer = client.manual_request(uri, "patch", data={"data": story.patch})
        assert succeeded is True
        read = call(client, live, "get", story.noun, document["id"])
        for patched in (answer, read["data"]):
            assert document["id"] == patched["id"]
            assert story.patched == same_fields(story.patched, patched)
            assert story.dropped not in patched


def test_deleted_document_is_gone(sdk: Any, live: Live, client: Any, story: Story) -> None:
    """DELETE answers with an envelope; then reading and listing no longer find the document."""
    with made(sdk, client, live, story.noun, story.created) as document:
        reply = call(client, live, "delete", story.noun, document["id"])
        assert ("success", document["id"]) == (reply["status"], reply["data"]["id"])
        with pytest.raises(sdk.exceptions.KazooApiError) as raised:
            call(client, live, "get", story.noun, document["id"])
        assert "bad_identifier" == raised.value.args[2]
        listing = ask(sdk, live, client, f"{story.noun}s", paginate="false")
        assert 0 == ids(listing["data"]).count(document["id"])


@pytest.mark.parametrize("noun", ["user", "device", "callflow"])
def test_unknown_id_is_an_api_error_with_a_request_id(sdk: Any, live: Live, client: Any, noun: str) -> None:
    """A 404 is the package's general error, which needs `request_id` and `message`."""
    with pytest.raises(sdk.exceptions.KazooApiError) as raised:
        call(client, live, "get", noun, uuid4().hex)
    _, request_id, message = raised.value.args
    assert request_id
    assert "bad_identifier" == message


@pytest.mark.parametrize(
    ("noun", "body", "expected"),
    [
        ("device", {"enabled": True}, {"name": ["required"]}),
        ("device", {"name": ["a", "list"]}, {"name": ["type"]}),
        (
            "user",
            {"email": "ada@example.com"},
            {"first_name": ["required"], "last_name": ["required"]},
        ),
    ],
    ids=["missing", "wrong type", "two fields"],
)
def test_v2_validation_errors_name_field_and_code(
    sdk: Any, live: Live, v2: Any, noun: str, body: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    """A 400 becomes the package's bad-data error with a message for each field and code."""
    with pytest.raises(sdk.exceptions.KazooApiBadDataError) as raised:
        call(v2, live, "create", noun, body)
    assert expected == codes(raised.value.field_errors)
    for by_code in raised.value.field_errors.values():
        for detail in by_code.values():
            assert isinstance(detail["message"], str)
            assert detail["message"] != ""


def test_v1_validation_errors_are_plain_texts(sdk: Any, live: Live, v1: Any) -> None:
    """Version 1 writes each error as field, code and text."""
    with pytest.raises(sdk.exceptions.KazooApiBadDataError) as raised:
        v1.create_device(live.account_id, {"enabled": True})
    assert {"name": ["required"]} == codes(raised.value.field_errors)
    assert isinstance(raised.value.field_errors["name"]["required"], str)


def test_create_without_a_body_reports_what_is_missing(sdk: Any, live: Live, v2: Any) -> None:
    """The package sends no body for an empty document, and the server takes that as empty."""
    with pytest.raises(sdk.exceptions.KazooApiBadDataError) as raised:
        v2.create_device(live.account_id, {})
    assert ["required"] == codes(raised.value.field_errors)["name"]


def test_refused_update_leaves_the_document_alone(sdk: Any, live: Live, client: Any, story: Story) -> None:
    """A POST that does not validate is a bad-data error, and the document stays as it was."""
    with made(sdk, client, live, story.noun, story.created) as document:
        body = {**story.replacement, **story.wrong}
        with pytest.raises(sdk.exceptions.KazooApiBadDataError) as raised:
            call(client, live, "update", story.noun, document["id"], body)
        assert {field: ["type"] for field in story.wrong} == codes(raised.value.field_errors)
        read = call(client, live, "get", story.noun, document["id"])
        assert story.created == same_fields(story.created, read["data"])


def test_call_records_are_paged(sdk: Any, live: Live, v2: Any) -> None:
    """Three pages of call records are 120 different rows."""
    rows: list[str] = []
    query: dict[str, Any] = {"page_size": 40}
    for _ in range(3):
        page = ask(sdk, live, v2, "cdrs", **query)
        assert 40 == len(page["data"])
        rows += ids(page["data"])
        query["start_key"] = page["next_start_key"]
    assert 120 == len(set(rows))


def test_call_record_is_read_by_the_id_of_its_row(sdk: Any, live: Live, client: Any) -> None:
    """GET cdrs/{id} is the record that the listing showed."""
    row = ask(sdk, live, client, "cdrs", page_size=1)["data"][0]
    reply = ask(sdk, live, client, f"cdrs/{row['id']}")
    assert ("success", row["id"]) == (reply["status"], reply["data"]["id"])


def test_backward_window_of_call_records_is_bad_data(sdk: Any, live: Live, v2: Any) -> None:
    """A window that ends before it begins is told as an error of `created_from`."""
    with pytest.raises(sdk.exceptions.KazooApiBadDataError) as raised:
        ask(sdk, live, v2, "cdrs", created_from=63_700_000_001, created_to=63_700_000_000)
    assert {"created_from": ["date_range"]} == codes(raised.value.field_errors)
