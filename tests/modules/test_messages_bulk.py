"""Many messages in one request: folders, moves, copies, deletions, and of each id whether it was done."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar import Document, Insert

from .office import NOWHERE, WAV, Office, told


async def planted(office: Office, box: str, many: int) -> list[str]:
    """Put messages without sound into the store, and return their ids."""
    ids = [f"{number:032x}" for number in range(many)]
    made = [
        Document.of(office.id, "messages", id, {"media_id": id, "source_id": box, "folder": "new"}, 1_780_000_000)
        for id in ids
    ]
    await office.world.app.store.write([Insert(each) for each in made])
    return ids


@pytest.mark.parametrize("by", ["body", "query"])
async def test_another_folder(office: Office, by: str) -> None:
    """Those that are there are moved, the others are named with the reason; doubled ids count once."""
    box, other = await office.box(), await office.box()
    one, two = await office.message(box), await office.message(box)
    elsewhere = await office.message(other)
    path, data = f"/vmboxes/{box}/messages", {"messages": [one, NOWHERE, elsewhere, two, one]}
    if by == "query":
        path += "?folder=saved"
    else:
        data["folder"] = "saved"  # type: ignore[assignment]
    result = await office.ask("POST", path, data)
    expected = {"succeeded": [one, two], "failed": [{NOWHERE: "not_found"}, {elsewhere: "not_found"}]}
    assert (200, expected) == (result.status, {**result.data, "failed": sorted(result.data["failed"], key=_last)})
    assert {one, two} == set(await office.ids("/messages?folder=saved"))
    assert WAV == (await office.get(f"/messages/{one}/raw")).body


def _last(failure: dict[str, str]) -> bool:
    return NOWHERE not in failure


async def test_a_thousand(office: Office) -> None:
    """As many as a request may name; one more is refused and changes nothing."""
    box = await office.box()
    ids = await planted(office, box, 1_001)
    path = f"/vmboxes/{box}/messages"
    assert "maxItems" in told(await office.ask("POST", path, {"messages": ids, "folder": "saved"}), 400)["messages"]
    assert [] == await office.ids(f"{path}?folder=saved")
    moved = await office.ask("POST", path, {"messages": ids[:1_000], "folder": "saved"})
    assert (ids[:1_000], []) == (moved.data["succeeded"], moved.data["failed"])
    assert ids[1_000:] == await office.ids(f"{path}?folder=new")
    gone = await office.ask("DELETE", path, {"messages": ids[:1_000]})
    assert (ids[:1_000], []) == (gone.data["succeeded"], gone.data["failed"])
    assert ids[1_000:] == await office.ids(path)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    ("data", "field"),
    [
        pytest.param({"messages": []}, "messages", id="no-ids"),
        pytest.param({"messages": "all"}, "messages", id="text"),
        pytest.param({"messages": [5]}, "messages.0", id="numbers"),
        pytest.param({"messages": [""]}, "messages.0", id="empty-ids"),
        pytest.param({"messages": ["x" * 65]}, "messages.0", id="long-ids"),
        pytest.param({"messages": ["x"], "folder": "elsewhere"}, "folder", id="folder"),
        pytest.param({"message_ids": ["x"]}, "message_ids", id="a-slip"),
    ],
)
async def test_what_is_no_list(office: Office, method: str, data: dict[str, Any], field: str) -> None:
    """It is refused as a whole; a misspelled key never means all messages."""
    box = await office.box()
    id = await office.message(box, b"")
    refused = told(await office.ask(method, f"/vmboxes/{box}/messages", {"folder": "saved"} | data), 400)
    assert field in refused or field.partition(".")[0] in refused
    assert [id] == await office.ids(f"/vmboxes/{box}/messages?folder=new")


async def test_ids_that_try_to_be_paths(office: Office) -> None:
    """They name no message."""
    box = await office.box()
    odd = ["../vmboxes", "..%2f", "raw", "a/b", "\u0000", "'--"]
    result = await office.ask("POST", f"/vmboxes/{box}/messages", {"messages": odd, "folder": "saved"})
    assert [{id: "not_found"} for id in odd] == result.data["failed"]


async def test_moving_to_another_box(office: Office) -> None:
    """They go with their sound, and to another folder if one is named."""
    here, there = await office.box(), await office.box()
    ids = [await office.message(here) for _ in range(3)]
    moved = await office.ask(
        "POST", f"/vmboxes/{here}/messages", {"messages": ids, "source_id": there, "folder": "saved"}
    )
    assert (ids, []) == (moved.data["succeeded"], moved.data["failed"])
    assert [] == await office.ids(f"/vmboxes/{here}/messages")
    assert set(ids) == set(await office.ids(f"/vmboxes/{there}/messages?folder=saved"))
    assert WAV == (await office.get(f"/vmboxes/{there}/messages/{ids[0]}/raw")).body


async def test_copying_to_boxes(office: Office) -> None:
    """A list of boxes makes copies, with a sound of their own: what becomes of one does not touch the other."""
    here, first, second = [await office.box() for _ in range(3)]
    with_sound, without = await office.message(here, folder="saved"), await office.message(here, b"")
    data = {"messages": [with_sound, without, NOWHERE], "source_id": [first, second, first]}
    result = await office.ask("POST", f"/vmboxes/{here}/messages", data)
    assert ([with_sound, without], [{NOWHERE: "not_found"}]) == (result.data["succeeded"], result.data["failed"])
    one, two = result.data["copies"][with_sound]
    assert {with_sound, without} == set(await office.ids(f"/vmboxes/{here}/messages"))
    assert one in await office.ids(f"/vmboxes/{first}/messages")
    known = (await office.get(f"/vmboxes/{second}/messages/{two}")).data
    assert (two, two, second, "saved") == tuple(known[key] for key in ("id", "media_id", "source_id", "folder"))
    for id in (with_sound, one):
        assert 200 == (await office.ask("DELETE", f"/messages/{id}?should_soft_delete=false")).status
    assert WAV == (await office.get(f"/vmboxes/{second}/messages/{two}/raw")).body
    single = await office.ask("POST", f"/vmboxes/{second}/messages/{two}", {"source_id": [first]})
    (copy,) = single.data["copies"][two]
    assert WAV == (await office.get(f"/vmboxes/{first}/messages/{copy}/raw")).body


async def test_too_many_copies(office: Office) -> None:
    """Copies are dear, so a request makes a hundred at most."""
    box, *others = [await office.box() for _ in range(12)]
    ids = await planted(office, box, 10)
    refused = await office.ask("POST", f"/vmboxes/{box}/messages", {"messages": ids, "source_id": others})
    assert "maxItems" in told(refused, 400)["source_id"]
    assert 10 == len(await office.ids("/messages"))


async def test_a_box_that_is_not_there(office: Office) -> None:
    """Nothing is moved or copied to it, nor to one of other people."""
    box = await office.box()
    id = await office.message(box, b"")
    elsewhere = await office.client.put(
        f"/accounts/{office.world.customer}/vmboxes", {"name": "Box", "mailbox": "copies"}
    )
    for target in (NOWHERE, elsewhere.data["id"]):
        for source_id in (target, [box, target]):
            data = {"messages": [id], "source_id": source_id}
            told(await office.ask("POST", f"/vmboxes/{box}/messages", data), 400)
    assert [id] == await office.ids("/messages")
    assert (
        200 == (await office.client.delete(f"/accounts/{office.world.customer}/vmboxes/{elsewhere.data['id']}")).status
    )


async def test_emptying_a_box(office: Office) -> None:
    """DELETE without a list takes all that folder and filters leave, and nothing of other boxes."""
    box, other = await office.box(), await office.box()
    kept = await office.message(other, b"")
    new, saved = await office.message(box, b""), await office.message(box, b"", folder="saved")
    ada = await office.message(box, b"", caller_id_number="6001")
    path = f"/vmboxes/{box}/messages"
    assert [ada] == (await office.ask("DELETE", f"{path}?filter_caller_id_number=6001")).data["succeeded"]
    assert [saved] == (await office.ask("DELETE", f"{path}?folder=saved")).data["succeeded"]
    assert [] == (await office.ask("DELETE", path, {"folder": "deleted"})).data["succeeded"]
    assert [new] == (await office.ask("DELETE", path)).data["succeeded"]
    assert ([], [kept]) == (await office.ids(path), await office.ids("/messages"))


async def test_a_full_box_is_emptied(office: Office) -> None:
    """However many there are."""
    box = await office.box()
    ids = await planted(office, box, 1_200)
    gone = await office.ask("DELETE", f"/vmboxes/{box}/messages", {})
    assert (set(ids), []) == (set(gone.data["succeeded"]), gone.data["failed"])
    assert [] == await office.ids("/messages")


async def test_not_all_messages_of_an_account(office: Office) -> None:
    """Outside of a box a list is needed."""
    box = await office.box()
    id = await office.message(box, b"")
    assert "required" in told(await office.ask("DELETE", "/messages"), 400)["messages"]
    assert "required" in told(await office.ask("DELETE", "/messages?folder=new"), 400)["messages"]
    assert [id] == (await office.ask("DELETE", "/messages", {"messages": [id]})).data["succeeded"]


async def test_two_at_once(office: Office) -> None:
    """Each message is moved by one, deleted by the other, or both in turn; of each id both say what they did."""
    box = await office.box()
    ids = await planted(office, box, 40)
    path = f"/vmboxes/{box}/messages"
    moved, gone = await asyncio.gather(
        office.ask("POST", path, {"messages": ids, "folder": "saved"}),
        office.ask("DELETE", path, {"messages": ids[::-1]}),
    )
    for result in (moved, gone):
        assert 200 == result.status, result.body
        told_of = [*result.data["succeeded"], *(id for failure in result.data["failed"] for id in failure)]
        assert sorted(ids) == sorted(told_of)
        assert {reason for failure in result.data["failed"] for reason in failure.values()} <= {"not_found", "conflict"}
    left = set(ids) - set(gone.data["succeeded"])
    assert left == set(await office.ids(path))


@pytest.mark.parametrize(
    ("query", "left"), [("foldr=saved", 2), ("folder=saved", 1), ("filter_folder=saved", 1), ("", 0)]
)
async def test_a_box_is_not_emptied_by_a_slip(office: Office, query: str, left: int) -> None:
    """A word that is not understood is refused, for without it all messages would go."""
    box = await office.box()
    for folder in ("new", "saved"):
        await office.message(box, folder=folder)
    path = f"/vmboxes/{box}/messages"
    response = await office.ask("DELETE", f"{path}?{query}")
    assert (400 if query == "foldr=saved" else 200) == response.status
    assert left == len(await office.ids(path))
