"""Faxes: sending them, their documents, and the folders of Kazoo's paths."""

from __future__ import annotations

from typing import Any

import pytest

from .office import NOWHERE, PDF, PNG, TIFF, Office, told

FAX = {"to_number": "18884732963", "from_number": "18884732962"}
URL = {"document": {"url": "http://myserver.example.com/fax.pdf", "method": "get"}}


async def fax(office: Office, folder: str = "outgoing", *contents: bytes, **more: Any) -> str:
    """Make a fax with documents."""
    files = [(f"page{number}.pdf", "application/pdf", content) for number, content in enumerate(contents)]
    response = await office.form("PUT", "/faxes", FAX | {"folder": folder} | more, *files)
    assert 201 == response.status, response.body
    return str(response.data["id"])


@pytest.mark.parametrize("path", ["/faxes", "/faxes/outgoing"])
async def test_sending(office: Office, path: str) -> None:
    """By address, with the document, or without any yet: then it waits for one."""
    by_address = await office.ask("PUT", path, FAX | URL | {"retries": 3, "from_name": "Test Fax"})
    attached = await office.form("PUT", path, FAX, ("fax.pdf", "application/pdf", PDF))
    bare = await office.ask("PUT", path, FAX)
    answers = (by_address, attached, bare)
    assert [201] * 3 == [each.status for each in answers], bare.body
    assert ["pending", "pending", "attaching files"] == [each.data["status"] for each in answers]
    assert {each.data["id"] for each in answers} == set(await office.ids("/faxes/outgoing"))
    assert office.at(f"/faxes/{bare.data['id']}") == bare.headers["location"].removeprefix("/v2")
    assert 201 == (await office.send("PUT", f"/faxes/{bare.data['id']}/attachments", TIFF, "image/tiff")).status
    assert "pending" == (await office.get(f"/faxes/outgoing/{bare.data['id']}")).data["status"]


async def test_number_of_the_sender(office: Office) -> None:
    """A fax that names no number goes out from its sender's: the owner's, else the caller's; else it is refused."""
    owner = await office.user(caller_id={"external": {"number": "+12025550147"}})
    path = f"/users/{owner}/faxes"
    bodies = {"/faxes": {"to": "100", "owner_id": owner}, path: {"to_number": "100"}, f"{path}/outgoing": {"to": "100"}}
    made = [await office.ask("PUT", at, body) for at, body in bodies.items()]
    assert {(201, "+12025550147", "+12025550147")} == {
        (each.status, each.data["from_number"], each.data["from"]) for each in made
    }
    _, caller = await office.login(caller_id={"internal": {"number": "1001"}})
    own = await caller.put(office.at("/faxes"), {"to_number": "100"})
    assert (201, "1001") == (own.status, own.data["from_number"])
    nameless = await office.user()
    for body in ({"owner_id": nameless}, {"owner_id": [owner]}, {"folder": "inbox", "owner_id": owner}):
        assert "required" in told(await office.ask("PUT", "/faxes", {"to_number": "100", **body}), 400)["from_number"]


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        pytest.param({"to_number": ""}, "to_number", "minLength", id="to"),
        pytest.param({"from_number": 5}, "from_number", "type", id="from"),
        pytest.param({"folder": "bin"}, "folder", "enum", id="folder"),
        pytest.param({"retries": 11}, "retries", "maximum", id="retries"),
        pytest.param({"document": "http://x"}, "document", "type", id="document"),
    ],
)
@pytest.mark.parametrize("path", ["/faxes", "/faxes/outgoing"])
async def test_what_is_no_fax(office: Office, path: str, wrong: dict[str, Any], field: str, rule: str) -> None:
    """What breaks the schema is refused; a file that came along is not kept."""
    assert rule in told(await office.ask("PUT", path, FAX | wrong), 400)[field]
    refused = await office.form("PUT", path, FAX | wrong, ("fax.pdf", "application/pdf", PDF))
    assert rule in told(refused, 400)[field]
    assert [] == await office.ids("/faxes")


async def test_several_documents(office: Office) -> None:
    """They are listed, fetched and deleted one by one; a name that is taken gets a number."""
    id = await fax(office, "outgoing", PDF)
    path = f"/faxes/{id}/attachments"
    for content, content_type in ((TIFF, "image/tiff"), (PDF + b"2", "application/pdf")):
        assert 201 == (await office.send("POST", path, content, content_type, x_file_name="page0.pdf")).status
    listed = (await office.get(path)).data
    assert ["page0.pdf", "page0-2.pdf", "page0-3.pdf"] == [each["id"] for each in listed]
    bodies = [(await office.get(f"{path}/{each['id']}")).body for each in listed]
    assert [PDF, TIFF, PDF + b"2"] == bodies
    assert 200 == (await office.ask("DELETE", f"{path}/page0-2.pdf")).status
    assert ["page0.pdf", "page0-3.pdf"] == [each["id"] for each in (await office.get(path)).data]
    told(await office.get(f"{path}/page0-2.pdf"), 404)


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        pytest.param(PNG, "image/png", 415, id="png"),
        pytest.param(b"<html>", "text/html", 415, id="html"),
        pytest.param(b"", "application/pdf", 400, id="nothing"),
    ],
)
async def test_what_cannot_be_faxed(office: Office, content: bytes, content_type: str, status: int) -> None:
    """PDF and TIFF can, and nothing else."""
    id = await fax(office)
    told(await office.send("PUT", f"/faxes/{id}/attachments", content, content_type), status)
    told(await office.form("PUT", "/faxes", FAX, ("x", content_type, content)), status)
    assert ([id], []) == (await office.ids("/faxes"), (await office.get(f"/faxes/{id}/attachments")).data)


async def test_the_folders(office: Office) -> None:
    """Each path shows the faxes of its folder, and none of another one."""
    made = {folder: await fax(office, folder, PDF) for folder in ("outgoing", "outbox", "incoming", "inbox")}
    for folder, id in made.items():
        assert [id] == await office.ids(f"/faxes/{folder}")
        assert folder == (await office.get(f"/faxes/{folder}/{id}")).data["folder"]
        for other in made.keys() - {folder}:
            told(await office.get(f"/faxes/{other}/{id}"), 404)
    assert set(made.values()) == set(await office.ids("/faxes"))
    told(await office.get(f"/faxes/inbox/{NOWHERE}"), 404)


@pytest.mark.parametrize("folder", ["inbox", "outbox"])
@pytest.mark.parametrize("accept", [None, "application/pdf", "image/tiff"])
async def test_a_document_by_folder(office: Office, folder: str, accept: str | None) -> None:
    """Kazoo's path gives the first document, in pieces too, and takes all of them away without the fax."""
    id = await fax(office, folder, PDF, PDF + b"2")
    path = f"/faxes/{folder}/{id}/attachment"
    headers = {"accept": accept} if accept else {}
    whole = await office.get(path, headers=headers)
    assert (200, "application/pdf", PDF) == (whole.status, whole.headers["content-type"], whole.body)
    part = await office.get(path, headers=headers | {"range": "bytes=5-9"})
    assert (206, PDF[5:10]) == (part.status, part.body)
    other = "inbox" if folder == "outbox" else "outbox"
    told(await office.get(f"/faxes/{other}/{id}/attachment"), 404)
    told(await office.ask("DELETE", f"/faxes/{other}/{id}/attachment"), 404)
    gone = await office.ask("DELETE", path)
    assert ["page0.pdf", "page1.pdf"] == [each["id"] for each in gone.data]
    told(await office.get(path), 404)
    told(await office.ask("DELETE", path), 404)
    assert ([], folder) == (
        (await office.get(f"/faxes/{id}/attachments")).data,
        (await office.get(f"/faxes/{folder}/{id}")).data["folder"],
    )


@pytest.mark.parametrize("folder", ["inbox", "outbox"])
async def test_deleting_by_folder(office: Office, folder: str) -> None:
    """Only in its own folder is a fax deleted."""
    id = await fax(office, folder, PDF)
    other = "inbox" if folder == "outbox" else "outbox"
    told(await office.ask("DELETE", f"/faxes/{other}/{id}"), 404)
    assert 200 == (await office.ask("DELETE", f"/faxes/{folder}/{id}")).status
    told(await office.get(f"/faxes/{id}"), 404)
    told(await office.get(f"/faxes/{id}/attachments/page0.pdf"), 404)


async def test_sending_again(office: Office) -> None:
    """A new fax with copies of the documents; what came of the old one is not taken over."""
    result = {"success": False, "error_message": "busy"}
    id = await fax(office, "outbox", PDF, TIFF, attempts=3, status="failed", tx_result=result, retries=2)
    again = await office.ask("PUT", f"/faxes/outbox/{id}", {"to_number": "1800"})
    assert (201, "outgoing", "pending", 0, "1800", 2) == (
        again.status,
        *(again.data[key] for key in ("folder", "status", "attempts", "to_number", "retries")),
    )
    assert "tx_result" not in again.data
    assert office.at(f"/faxes/{again.data['id']}") == again.headers["location"].removeprefix("/v2")
    assert 200 == (await office.ask("DELETE", f"/faxes/outbox/{id}?should_soft_delete=false")).status
    path = f"/faxes/{again.data['id']}/attachments"
    assert [PDF, TIFF] == [(await office.get(f"{path}/page{number}.pdf")).body for number in range(2)]


async def test_sending_on(office: Office) -> None:
    """What was received goes to the number in the body, from the number that it came in at."""
    id = await fax(office, "inbox", PDF)
    assert "required" in told(await office.ask("PUT", f"/faxes/inbox/{id}", {}), 400)["to_number"]
    sent = await office.ask("PUT", f"/faxes/inbox/{id}", {"to_number": "1800"})
    assert (201, "1800", FAX["to_number"]) == (sent.status, sent.data["to_number"], sent.data["from_number"])
    assert (await office.get(f"/faxes/inbox/{id}")).data["from_number"] == FAX["from_number"]
    told(await office.ask("PUT", f"/faxes/outbox/{id}", {}), 404)


async def test_verbs(office: Office) -> None:
    """A folder takes the verbs that Kazoo gives it."""
    id = await fax(office, "inbox", PDF)
    allowed = {
        "/faxes/inbox": "GET",
        "/faxes/outgoing": "GET, PUT",
        f"/faxes/inbox/{id}": "GET, PUT, DELETE",
        f"/faxes/outgoing/{id}": "GET",
        f"/faxes/inbox/{id}/attachment": "GET, DELETE",
        f"/faxes/{id}/attachments": "GET, PUT, POST",
    }
    for path, verbs in allowed.items():
        found = (await office.ask("OPTIONS", path)).headers["allow"].split(", ")
        assert set(verbs.split(", ")) == set(found) - {"OPTIONS", "HEAD"}, path


async def test_a_user_sees_their_own(office: Office) -> None:
    """Faxes of others are as good as missing, whichever path leads to them."""
    ada, client = await office.login()
    user = Office(office.world, client, office.id)
    theirs = await fax(office, "inbox", PDF)
    own = await fax(office, "inbox", PDF, owner_id=ada)
    assert ([own], [own]) == (await user.ids("/faxes"), await user.ids("/faxes/inbox"))
    for method, path in (
        *(("GET", f"/faxes/{theirs}"), ("GET", f"/faxes/{theirs}/attachments/page0.pdf")),
        *(("GET", f"/faxes/inbox/{theirs}"), ("GET", f"/faxes/inbox/{theirs}/attachment")),
        *(("DELETE", f"/faxes/inbox/{theirs}"), ("DELETE", f"/faxes/inbox/{theirs}/attachment")),
        ("PUT", f"/faxes/inbox/{theirs}"),
    ):
        told(await user.ask(method, path, {"to_number": "1"} if method == "PUT" else None), 404)
    assert PDF == (await user.get(f"/faxes/inbox/{own}/attachment")).body
    sent = await user.ask("PUT", f"/faxes/inbox/{own}", {"to_number": "1"})
    assert (201, ada) == (sent.status, sent.data["owner_id"])
    assert PDF == (await office.get(f"/faxes/inbox/{theirs}/attachment")).body
