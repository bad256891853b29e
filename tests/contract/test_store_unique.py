"""Every store: what may be held once in a tenant, and what never clashes."""

from __future__ import annotations

import pytest

from crossbar.errors import StoreUnavailable, UniqueConflict
from crossbar.stores import Store

from .documents import (
    DEVICES,
    delete,
    device,
    insert,
    replace,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "value", ["", "aa:bb", "1", "nul\0l", "é", 0, 1, -1.5, 1e300, 2**64 - 1, True, False], ids=repr
)
async def test_a_unique_value_may_be_held_once(store: Store, value: object) -> None:
    """Each text, number or boolean once in a tenant; the error names the field."""
    await insert(store, device("d1", mac=value), device("d1", tenant="other", mac=value))
    with pytest.raises(UniqueConflict) as caught:
        await insert(store, device("d2", mac=value))
    assert ("devices", "mac") == (caught.value.kind, caught.value.field)
    await insert(store, device("d3"))
    with pytest.raises(UniqueConflict):
        await replace(store, device("d3"), mac=value)
    await replace(store, device("d1"), mac=value, name="a document does not clash with itself")


async def test_values_of_different_types_never_clash(store: Store) -> None:
    """True, 1, 1.0 and their texts are five values."""
    values = [True, 1, 1.0, "1", "true", "1.0", False, 0, "0"]
    await insert(store, *(device(f"d{n}", mac=value) for n, value in enumerate(values)))


@pytest.mark.parametrize("value", [None, [], ["x"], {}, {"x": 1}], ids=repr)
async def test_null_arrays_and_objects_never_clash(store: Store, value: object) -> None:
    """Nor do missing fields, nor a path that leads through a text."""
    await insert(store, *(device(f"d{n}", mac=value, sip={"username": value}) for n in range(2)))
    await insert(store, device("e1"), device("e2"), device("e3", sip="text"), device("e4", sip=["text"]))


async def test_unique_paths_lead_into_objects(store: Store) -> None:
    """The field of a conflict is the dotted path."""
    await insert(store, device("d1", sip={"username": "u"}), device("d2", username="u"))
    with pytest.raises(UniqueConflict) as caught:
        await insert(store, device("d3", sip={"username": "u"}))
    assert "sip.username" == caught.value.field


async def test_the_id_is_the_first_clash(store: Store) -> None:
    """Of several clashes the id is named, then the unique fields as they are declared."""
    await insert(store, device("d1"), device("d2", mac="m"), device("d3", sip={"username": "u"}))
    for id, field in (("d1", "id"), ("d4", "mac")):
        with pytest.raises(UniqueConflict) as caught:
            await insert(store, device(id, mac="m", sip={"username": "u"}))
        assert field == caught.value.field


async def test_a_field_cannot_become_unique_over_a_clash(store: Store) -> None:
    """Opening says which kind, field and documents, and what to do; without the clash it succeeds."""
    stricter = DEVICES._replace(unique=("name",))
    await insert(store, device("d1", name="same"), device("d2", name="same"), device("d3", name="other"))
    with pytest.raises(StoreUnavailable, match=r"'name' of 'devices'.*'d1' and 'd2' of tenant 'acme'.*change one"):
        await store.open([stricter])
    await delete(store, "d2")
    await store.open([stricter])
    with pytest.raises(UniqueConflict):
        await insert(store, device("d4", name="same"))
    await store.open([DEVICES])
    await insert(store, device("d4", name="same"))
