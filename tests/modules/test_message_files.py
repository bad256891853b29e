"""The files of messages: one list and one way to fetch them, whatever the message is, and the columns of tables."""

from __future__ import annotations

import csv
import io
import zipfile

from .office import PDF, PNG, WAV, Office, told
from .test_message_store import FAX, one_of_each


async def test_files_of_all_types(office: Office) -> None:
    """Each message lists its files, and each file is fetched in one way whatever the message is, in pieces too."""
    made = await one_of_each(office)
    files = {
        "voicemail": ("raw", "audio/wav", WAV, "call.wav"),
        "fax": ("a.pdf", "application/pdf", PDF, "a.pdf"),
        "sms": ("a.png", "image/png", PNG, "a.png"),
    }
    for type, (file, content_type, content, name) in files.items():
        expected = {"id": file, "content_type": content_type, "size": len(content), "name": name}
        path = f"/messages/{made[type]}"
        assert [expected] == (await office.get(path)).data["attachments"] == (await office.get(f"{path}/content")).data
        found = await office.get(f"{path}/content/{file}", headers={"accept": "application/json"})
        assert (200, content_type, content) == (found.status, found.headers["content-type"], found.body)
        part = await office.get(f"{path}/content/{file}", headers={"range": "bytes=2-4"})
        assert (206, content[2:5]) == (part.status, part.body)
        assert (
            304 == (await office.get(f"{path}/content/{file}", headers={"if-none-match": part.headers["etag"]})).status
        )
        told(await office.get(f"{path}/content/other"), 404)
    assert [] == (await office.get(f"/messages/{made['pager']}/content")).data
    told(await office.get(f"/messages/{made['pager']}/content/raw"), 404)


async def test_the_list_follows_the_files(office: Office) -> None:
    """A file that comes, changes or goes is seen in the list; a client cannot write it."""
    made = await office.ask("PUT", "/faxes", FAX | {"attachments": [{"id": "made-up"}]})
    assert [] == made.data["attachments"]
    path = f"/faxes/{made.data['id']}"

    async def sizes() -> dict[str, int]:
        return {each["id"]: each["size"] for each in (await office.get(path)).data["attachments"]}

    for content in (PDF, PDF + b"2"):
        await office.send("PUT", f"{path}/attachments/a.pdf", content, "application/pdf")
        assert {"a.pdf": len(content)} == await sizes()
    await office.send("POST", f"{path}/attachments", PDF, "application/pdf", x_file_name="a.pdf")
    assert {"a.pdf": len(PDF) + 1, "a-2.pdf": len(PDF)} == await sizes()
    assert 200 == (await office.ask("PATCH", path, {"attachments": [], "to_name": "Ada"})).status
    assert {"a.pdf", "a-2.pdf"} == (await sizes()).keys()
    await office.ask("DELETE", f"{path}/attachments/a.pdf")
    assert {"a-2.pdf": len(PDF)} == await sizes()
    await office.ask("PATCH", path, {"folder": "outbox"})
    await office.ask("DELETE", f"/faxes/outbox/{made.data['id']}/attachment")
    assert {} == await sizes()


async def test_copies_list_their_files(office: Office) -> None:
    """A copied voicemail, and a fax that is sent again, have what the first one had."""
    box = await office.box()
    result = await office.ask("POST", f"/messages/{await office.message(box)}", {"source_id": [box]})
    ((copy,),) = result.data["copies"].values()
    assert ["raw"] == [each["id"] for each in (await office.get(f"/messages/{copy}")).data["attachments"]]
    id = (await office.form("PUT", "/faxes", FAX | {"folder": "outbox"}, ("a.pdf", "application/pdf", PDF))).data["id"]
    again = await office.ask("PUT", f"/faxes/outbox/{id}", {"to": "1800"})
    assert (201, "1800", "1800") == (again.status, again.data["to_number"], again.data["to"])
    assert PDF == (await office.get(f"/messages/{again.data['id']}/content/a.pdf")).body


async def test_only_voicemail_has_a_sound(office: Office) -> None:
    """`raw` of another message is not there, and none is put there."""
    made = await one_of_each(office)
    for type in ("fax", "sms", "pager"):
        path = f"/messages/{made[type]}/raw"
        told(await office.get(path), 404)
        told(await office.send("PUT", path, WAV), 404)
        told(await office.ask("DELETE", path), 404)
    for type in ("fax", "sms"):
        assert 1 == len((await office.get(f"/messages/{made[type]}")).data["attachments"])


async def test_files_of_all_types_in_one(office: Office) -> None:
    """The ZIP file has them all; a message without any is named."""
    made = await one_of_each(office)
    ids = [made[type] for type in ("voicemail", "fax", "sms")]
    response = await office.ask("POST", "/messages/raw", {"messages": ids})
    found = zipfile.ZipFile(io.BytesIO(response.body))
    assert [WAV, PDF, PNG] == [found.read(name) for name in found.namelist()]
    refused = told(await office.ask("POST", "/messages/raw", {"messages": [*ids, made["pager"]]}), 404)
    assert [{made["pager"]: "no_file"}] == refused["failed"]


async def test_columns_of_a_table(office: Office) -> None:
    """A table of faxes has the columns of faxes, though their listing shares its summary with other messages."""
    await one_of_each(office)
    shown = {}
    for noun in ("faxes", "sms", "messages"):
        response = await office.get(f"/{noun}", headers={"accept": "text/csv"})
        shown[noun] = set(next(csv.reader(io.StringIO(response.body.decode("utf-8-sig")))))
    assert {"from_number", "pages", "status"} <= shown["faxes"]
    assert {"source_id", "media_id", "caller_id_name"}.isdisjoint(shown["faxes"] | shown["sms"])
    assert {"source_id", "from_number", "text", "type"} <= shown["messages"]
