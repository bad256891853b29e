"""Media: documents with a sound, their languages, and the prompts that they are translations of."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import Document, Insert

from .office import PDF, WAV, Office, told


async def prompt(office: Office, prompt_id: str = "", **more: Any) -> str:
    """Make a document, a prompt if it has the id of one."""
    named = {"prompt_id": prompt_id} if prompt_id else {}
    return await office.made("/media", {"name": prompt_id or "Music"} | named | more)


async def test_media_live(office: Office) -> None:
    """A document is made, gets its sound, is renamed without losing it, and deleted."""
    made = await office.ask("PUT", "/media", {"streamable": True, "name": "File", "description": "My Test Media File"})
    assert (201, "en-us", "upload") == (made.status, made.data["language"], made.data["media_source"])
    path = f"/media/{made.data['id']}"
    told(await office.get(f"{path}/raw"), 404)
    assert 201 == (await office.send("POST", f"{path}/raw", WAV, "audio/x-wav")).status
    known = (await office.get(path)).data
    assert ("audio/wav", len(WAV)) == (known["content_type"], known["content_length"])
    renamed = await office.ask("POST", path, {"name": "Other"})
    patched = await office.ask("PATCH", path, {"description": "Mine"})
    for response in (renamed, patched):
        assert (200, "Other", "audio/wav", len(WAV)) == (
            response.status,
            *(response.data[key] for key in ("name", "content_type", "content_length")),
        )
    assert WAV == (await office.get(f"{path}/raw")).body
    (row,) = (await office.get("/media")).data
    assert ("Other", "en-us", "audio/wav") == (row["name"], row["language"], row["content_type"])
    assert 200 == (await office.ask("DELETE", path)).status
    told(await office.get(f"{path}/raw"), 404)


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("form", [False, True], ids=["raw", "multipart"])
async def test_uploading(office: Office, method: str, form: bool) -> None:
    """A sound comes as it is or in a form, with either verb; the next one takes its place."""
    raw = f"/media/{await prompt(office)}/raw"
    statuses = []
    for sound in (WAV, WAV * 2):
        if form:
            sent = await office.form(method, raw, {}, ("a.mp3", "audio/mp3", sound))
        else:
            sent = await office.send(method, raw, sound, "audio/mp3", x_file_name="a.mp3")
        statuses.append(sent.status)
    found = await office.get(raw)
    assert ([201, 200], "audio/mpeg", WAV * 2) == (statuses, found.headers["content-type"], found.body)
    assert 'inline; filename="a.mp3"' == found.headers["content-disposition"]


async def test_a_sound_posted_to_its_document(office: Office) -> None:
    """The newer of Kazoo's paths: the document stays as it is, and gets the sound."""
    id = await prompt(office, "vm-enter_pass", language="fr")
    sent = await office.send("POST", f"/media/{id}", WAV, "audio/mp3")
    assert (200, "vm-enter_pass", "fr", "audio/mpeg") == (
        sent.status,
        *(sent.data[key] for key in ("prompt_id", "language", "content_type")),
    )
    assert WAV == (await office.get(f"/media/{id}/raw")).body


async def test_a_document_with_its_sound(office: Office) -> None:
    """Both in one request."""
    made = await office.form("PUT", "/media", {"name": "Hold"}, ("hold.ogg", "audio/ogg", WAV))
    assert (201, "Hold", "audio/ogg", len(WAV)) == (
        made.status,
        *(made.data[key] for key in ("name", "content_type", "content_length")),
    )


async def test_facts_are_ours(office: Office) -> None:
    """A client cannot say of which type or size a file is."""
    lies = {"content_type": "text/html", "content_length": 7}
    made = await office.ask("PUT", "/media", {"name": "File"} | lies)
    assert lies.keys().isdisjoint(made.data)
    path = f"/media/{made.data['id']}"
    await office.send("POST", f"{path}/raw", WAV)
    for method in ("POST", "PATCH"):
        changed = await office.ask(method, path, {"name": "File"} | lies)
        assert ("audio/wav", len(WAV)) == (changed.data["content_type"], changed.data["content_length"])
    assert 200 == (await office.ask("DELETE", f"{path}/raw")).status
    assert lies.keys().isdisjoint((await office.get(path)).data)
    assert lies.keys().isdisjoint((await office.ask("PATCH", path, {"name": "Bare"})).data)


async def test_speech_that_is_replaced(office: Office) -> None:
    """What somebody uploads was not spoken by a machine, and a recording stays one."""
    spoken = await prompt(office, media_source="tts", tts={"text": "Testing", "voice": "male/en-GB"})
    recorded = await prompt(office, media_source="recording")
    for id in (spoken, recorded):
        await office.send("POST", f"/media/{id}/raw", WAV)
    sources = [(await office.get(f"/media/{id}")).data["media_source"] for id in (spoken, recorded)]
    assert ["upload", "recording"] == sources


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        pytest.param({"name": ""}, "name", "minLength", id="name"),
        pytest.param({"language": "e"}, "language", "minLength", id="short-language"),
        pytest.param({"language": "../en"}, "language", "pattern", id="language"),
        pytest.param({"media_source": "theft"}, "media_source", "enum", id="source"),
        pytest.param({"prompt_id": 5}, "prompt_id", "type", id="prompt"),
        pytest.param({"tts": {"text": ""}}, "tts.text", "minLength", id="text"),
    ],
)
async def test_what_is_no_media(office: Office, wrong: dict[str, Any], field: str, rule: str) -> None:
    """What breaks the schema is refused with field and rule."""
    assert rule in told(await office.ask("PUT", "/media", {"name": "File"} | wrong), 400)[field]


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        pytest.param(PDF, "application/pdf", 415, id="pdf"),
        pytest.param(b"<svg/>", "image/svg+xml", 415, id="drawing"),
        pytest.param(b"x", "video/x-unknown", 415, id="video"),
        pytest.param(b"", "audio/mpeg", 400, id="nothing"),
        pytest.param(b"bytes", "application/octet-stream", 415, id="bytes"),
    ],
)
async def test_what_is_no_sound(office: Office, content: bytes, content_type: str, status: int) -> None:
    """Sound and film are taken, and nothing else."""
    id = await prompt(office)
    for path in (f"/media/{id}/raw", f"/media/{id}"):
        told(await office.send("POST", path, content, content_type), status)
    told(await office.get(f"/media/{id}/raw"), 404)


async def test_too_large(office: Office) -> None:
    """413 before a byte of it was read, at both paths."""
    id = await prompt(office)
    headers = {"content-type": "audio/wav", "content-length": str(office.world.app.settings.limits.upload + 1)}
    for path in (f"/media/{id}/raw", f"/media/{id}"):
        told(await office.client.request("POST", office.at(path), body=[b"x"], headers=headers), 413)


async def test_languages(office: Office) -> None:
    """How many media there are in each, those of one, and those without any."""
    english = [await prompt(office, f"p{number}") for number in range(2)]
    german = await prompt(office, "p0", language="de_DE")
    bare = Document.of(office.id, "media", "b" * 32, {"name": "Imported"}, 1_780_000_000)
    await office.world.app.store.write([Insert(bare)])
    assert [{"de-de": 1, "en-us": 2, "missing": 1}] == (await office.get("/media/languages")).data
    for spelling in ("en-us", "EN-US", "en_US"):
        assert set(english) == set((await office.get(f"/media/languages/{spelling}")).data)
    assert [german] == (await office.get("/media/languages/de-de")).data
    assert [bare.id] == (await office.get("/media/languages/missing")).data
    assert [] == (await office.get("/media/languages/fr-fr")).data
    assert "de-de" == (await office.get(f"/media/{german}")).data["language"]
    assert [german] == await office.ids("/media?filter_language=de-de")


async def test_prompts(office: Office) -> None:
    """How many translations there are of each, and which; media that are no prompts do not count."""
    assert [{}] == (await office.get("/media/prompts")).data
    ids = [await prompt(office, "vm-enter_pass", language=language) for language in ("fr", "en-us")]
    await prompt(office, "agent-pause")
    await prompt(office)
    assert [{"agent-pause": 1, "vm-enter_pass": 2}] == (await office.get("/media/prompts")).data
    assert set(ids) == set((await office.get("/media/prompts/vm-enter_pass")).data)
    assert [] == (await office.get("/media/prompts/nothing")).data


async def test_ids_are_paged(office: Office) -> None:
    """Lists of ids have pages like all others, and can be streamed."""
    ids = {await prompt(office, "one", language=f"x{letter}") for letter in "abc"}
    first = await office.get("/media/prompts/one?page_size=2")
    rest = await office.get("/media/prompts/one", query={"start_key": first.json()["next_start_key"], "page_size": "2"})
    assert (2, 1, ids) == (len(first.data), len(rest.data), {*first.data, *rest.data})
    assert ids == set((await office.get("/media/prompts/one?paginate=false")).data)
    for path in ("languages", "languages/en", "prompts", "prompts/one"):
        told(await office.get(f"/media/{path}?accept=csv"), 406)
        for method in ("PUT", "POST", "DELETE"):
            told(await office.ask(method, f"/media/{path}", {"name": "x"}), 405)


async def test_who_may_change_them(office: Office) -> None:
    """Users hear them; administrators make them."""
    id = await prompt(office)
    await office.send("POST", f"/media/{id}/raw", WAV)
    _, client = await office.login()
    user = Office(office.world, client, office.id)
    assert WAV == (await user.get(f"/media/{id}/raw")).body
    told(await user.ask("PUT", "/media", {"name": "Mine"}), 403)
    told(await user.send("POST", f"/media/{id}/raw", WAV), 403)
    told(await user.send("POST", f"/media/{id}", WAV), 403)
    told(await user.ask("DELETE", f"/media/{id}"), 403)
    assert [id] == await office.ids("/media")
