"""The files of the demo data: real sounds, pictures and pages, in a store from which they can be fetched."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections import Counter
from pathlib import Path

import pytest

from crossbar import Document, files_of
from crossbar.demo import demo_account_id, demo_documents, load_recipe
from crossbar.demo.files import page, picture, sound
from crossbar.demo.loading import load_demo
from crossbar.demo.mail import file_of
from crossbar.routes import Attachment
from crossbar.schema import Schemas
from crossbar.stores import Query
from crossbar.testing import QUICK, Client, make_app

NOW = 1_790_000_000
SCHEMAS = Path(__file__).parents[1] / "modules" / "schemas"
RECIPE = load_recipe(records=0)
HOME = demo_account_id(RECIPE)
IDS = ("0" * 32, "f" * 32, "0123456789abcdef0123456789abcdef", "ca" * 16)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """Give everything that the shipped recipe makes, without calls."""
    return list(demo_documents(RECIPE, now=NOW, secrets=lambda username, password: {}))


def of_type(documents: list[Document], type: str) -> list[Document]:
    """Give the messages of a type."""
    return [each for each in documents if each.kind == "messages" and each.data()["type"] == type]


def test_everybody_has_a_mailbox(documents: list[Document]) -> None:
    """With the number of their extension, once in each account."""
    people = {(each.tenant, each.id): each.data() for each in documents if each.kind == "users"}
    boxes = [(each.tenant, each.data()) for each in documents if each.kind == "vmboxes"]
    assert people.keys() == {(tenant, box["owner_id"]) for tenant, box in boxes}
    assert len(boxes) == len({(tenant, box["mailbox"]) for tenant, box in boxes}) == len(people)
    for tenant, box in boxes:
        assert people[tenant, box["owner_id"]]["presence_id"] == box["mailbox"]


def test_messages_are_in_boxes(documents: list[Document]) -> None:
    """Each is in a box of the demo account, belongs to its owner, and was left before now."""
    boxes = {each.id: each.data() for each in documents if each.kind == "vmboxes" and each.tenant == HOME}
    messages = of_type(documents, "voicemail")
    assert RECIPE.media.voicemails == len(messages)
    for message in messages:
        body = message.data()
        assert (HOME, boxes[body["source_id"]]["owner_id"]) == (message.tenant, body["owner_id"])
        assert message.created < NOW
    assert {"new", "saved", "deleted"} == {message.data()["folder"] for message in messages}


def test_prompts_are_there_in_two_languages(documents: list[Document]) -> None:
    """Every prompt has its translation."""
    found = [each.data() for each in documents if each.kind == "media"]
    prompts = Counter(each["prompt_id"] for each in found if "prompt_id" in each)
    assert {2} == set(prompts.values())
    assert {"en-us", "de-de"} == {each["language"] for each in found}


def test_faxes_are_in_several_folders(documents: list[Document]) -> None:
    """Sent, received, and one still to go if the recipe has an odd number of them."""
    assert {"inbox", "outbox"} == {each.data()["folder"] for each in of_type(documents, "fax")}
    odd = load_recipe(records=0, media={"faxes": 3})
    made = list(demo_documents(odd, now=NOW, secrets=lambda username, password: {}))
    assert Counter(outbox=1, inbox=1, outgoing=1) == Counter(each.data()["folder"] for each in of_type(made, "fax"))


def test_texts_go_both_ways(documents: list[Document]) -> None:
    """Half of them came in, some have a picture, and each says of whom it is."""
    texts = [each.data() for each in of_type(documents, "sms")]
    people = {each.id for each in documents if each.kind == "users" and each.tenant == HOME}
    assert Counter(inbound=20, outbound=20) == Counter(each["direction"] for each in texts)
    assert 8 == sum(bool(each["attachments"]) for each in texts)
    assert {each["owner_id"] for each in texts} <= people


@pytest.mark.parametrize(("type", "name"), [("voicemail", "messages"), ("fax", "faxes"), ("sms", "sms")])
def test_messages_are_as_if_they_were_sent(documents: list[Document], type: str, name: str) -> None:
    """They keep to the schema of their type, and list the files that they get."""
    schema = Schemas({path.stem: path.read_bytes for path in SCHEMAS.glob("*.json")}).compiled(name)
    for document in of_type(documents, type):
        assert [] == schema.check(document.data())
        file = file_of(document)
        listed = document.data()["attachments"]
        assert ([] if file is None else [(file.name, file.content_type, len(file.content))]) == [
            (each["name"], each["content_type"], each["size"]) for each in listed
        ]


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("milliseconds", [300, 1200])
def test_a_sound(id: str, milliseconds: int) -> None:
    """It is a WAV file of that length, small, and not silent; another id sounds otherwise."""
    content = sound(id, milliseconds)
    assert len(content) < 10_240
    with wave.open(io.BytesIO(content)) as found:
        assert (1, 1, 8000) == (found.getnchannels(), found.getsampwidth(), found.getframerate())
        assert milliseconds == found.getnframes() * 1000 // 8000
        assert len(set(found.readframes(found.getnframes()))) > 20
    assert content != sound("12345678" * 4, milliseconds)


@pytest.mark.parametrize("id", IDS)
def test_a_picture(id: str) -> None:
    """It is a PNG file whose sums are right and whose pixels are all there."""
    rest, chunks = picture(id)[8:], {}
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        kind, data, (check,) = rest[4:8], rest[8 : 8 + length], struct.unpack(">I", rest[8 + length : 12 + length])
        assert check == zlib.crc32(kind + data)
        chunks[kind], rest = data, rest[12 + length :]
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    assert [b"IHDR", b"IDAT", b"IEND"] == list(chunks)
    assert height * (1 + 3 * width) == len(zlib.decompress(chunks[b"IDAT"]))


def test_a_page() -> None:
    """It is a PDF file whose table says where each object is; what could end a text is left out."""
    content = page("From: Zoë (1001)", "a\\b)")
    start = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    table = content[start:].split(b"\n")
    assert b"xref" == table[0]
    for number, line in enumerate(table[3:8], 1):
        assert content[int(line[:10]) :].startswith(b"%d 0 obj\n" % number)
    assert b"(From: Zo? 1001) Tj" in content
    assert b"(ab) Tj" in content


def test_documents_say_how_large_their_sound_is(documents: list[Document]) -> None:
    """As they would if somebody had uploaded it."""
    for document in documents:
        file = file_of(document)
        if file is not None and file.slot == "raw":
            body = document.data()
            assert (file.content_type, len(file.content)) == (body["content_type"], body["content_length"])


async def test_they_can_be_fetched() -> None:
    """After a load, and after one that was interrupted and taken up again; no file is there twice."""
    app = make_app(QUICK, clock=lambda: NOW + 100)
    await app.start()
    known = {kind.name for entry in app.registry for kind in entry.endpoint.kinds()}
    calls = 0

    def tell(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt

    options = {"known": known, "now": NOW}
    with pytest.raises(KeyboardInterrupt):
        await load_demo(app.store, app.hasher, RECIPE, tell=tell, **options)  # type: ignore[arg-type]
    counts = await load_demo(app.store, app.hasher, RECIPE, tell=lambda done, total: None, **options)  # type: ignore[arg-type]
    assert (120 + 12 + 40, 14) == (counts["messages"], counts["media"])
    account = await app.tenants.account(HOME)
    assert account is not None
    client = Client(app, app.tokens.mint(account, None, "cb_api_auth"))
    for noun, path, start in (
        ("messages", "content/{file}", b""),
        ("media", "raw", b"RIFF"),
        ("faxes", "attachments/fax.pdf", b"%PDF"),
    ):
        rows = (await client.get(f"/accounts/{HOME}/{noun}?page_size=50")).data
        row = next(row for row in rows if row.get("attachments", True))
        file = row["attachments"][0]["id"] if "attachments" in row else ""
        found = await client.get(f"/accounts/{HOME}/{noun}/{row['id']}/{path.format(file=file)}")
        assert (200, True) == (found.status, found.body.startswith(start))
    people = await app.store.find(Query(HOME, "users", limit=100))
    photos = [each for each in people if files_of(each, Attachment("photo"))]
    assert RECIPE.media.photos == len(photos)
    assert b"\x89PNG" == (await client.get(f"/accounts/{HOME}/users/{photos[0].id}/photo")).body[:4]
    assert {1} == {each.revision for each in people}
    await app.stop()
