"""The inventory as its clients see it: items, warehouses, what moves between them, and what is refused."""

import pytest
from crossbar_inventory import ENDPOINTS
from crossbar_inventory.movements import MovementOptions
from msgspec.structs import replace

from crossbar import Endpoint, Settings
from crossbar.settings import Modules
from crossbar.testing import QUICK, Response, RunningWorld, Session

# What is installed here besides is none of these tests' business.
SETTINGS = replace(QUICK, modules=Modules(installed=False))
GENEROUS = replace(SETTINGS, plugins={"movements": {"allow_negative": True}})


@pytest.fixture
def crossbar_endpoints() -> list[Endpoint]:
    """Test the endpoints of this package."""
    return [endpoint() for endpoint in ENDPOINTS]


@pytest.fixture
def crossbar_settings() -> Settings:
    """Test with what is given here, and with nothing that happens to be installed."""
    return SETTINGS


@pytest.fixture
def item(crossbar_client: Session) -> str:
    """Give the id of an item."""
    return made(crossbar_client, "items", sku="bolt-m8", name="Bolt")


@pytest.fixture
def berlin(crossbar_client: Session) -> str:
    """Give the id of a warehouse."""
    return made(crossbar_client, "warehouses", name="Berlin", city="Berlin")


@pytest.fixture
def paris(crossbar_client: Session) -> str:
    """Give the id of another one."""
    return made(crossbar_client, "warehouses", name="Paris")


def made(client: Session, noun: str, **body: object) -> str:
    """Create something, and give its id."""
    id: str = client.create("account", noun, body=body).document["id"]
    return id


def moved(client: Session, warehouse: str, item: str, quantity: int, reason: str = "purchase") -> Response:
    """Bring so much of an item into a warehouse, or take it away."""
    body = {"item_id": item, "quantity": quantity, "reason": reason}
    return client.create("account", ("warehouses", warehouse), "movements", body=body)


def levels(client: Session, *below: tuple[str, str]) -> dict[str, int]:
    """Give what lies in each warehouse."""
    rows = client.find("account", *below, "stock").documents
    return {row["warehouse_id"]: row["quantity"] for row in rows}


def told(response: Response) -> tuple[int, str]:
    """Give the status and the word of a response."""
    return response.status, response.word


def test_items(crossbar_client: Session, item: str) -> None:
    """An item has a default unit, and an SKU that nobody else has, however it is written."""
    found = crossbar_client.read("account", ("items", item)).document
    assert {"id": item, "sku": "BOLT-M8", "name": "Bolt", "unit": "piece"} == found
    again = crossbar_client.create("account", "items", body={"sku": "Bolt-M8", "name": "Another"})
    assert (400, "validation error") == told(again)
    assert ["unique"] == list(again.data["sku"])
    renamed = crossbar_client.patch("account", ("items", item), body={"sku": "bolt-m10"})
    assert "BOLT-M10" == renamed.document["sku"]


@pytest.mark.parametrize(
    ("noun", "body", "fields"),
    [
        ("items", {"sku": "a b", "unit": "dozen"}, {"sku", "unit", "name"}),
        ("warehouses", {"name": "", "street": "?"}, {"name", "street"}),
        ("movements", {"quantity": 0, "reason": "theft"}, {"item_id", "warehouse_id", "quantity", "reason"}),
        ("movements", {"item_id": "x", "warehouse_id": "y", "quantity": 1.5, "reason": "sale"}, {"quantity"}),
        ("movements", {"item_id": "x", "warehouse_id": "y", "quantity": 1, "reason": "sale"}, {"item_id"}),
        ("movements", {"item_id": "x", "warehouse_id": "y", "quantity": 1, "reason": "sale", "time": ""}, {"time"}),
    ],
)
def test_what_cannot_be_created(crossbar_client: Session, noun: str, body: dict[str, object], fields: set[str]) -> None:
    """A body that breaks rules is refused, and every field that does is named."""
    response = crossbar_client.create("account", noun, body=body)
    assert (400, "validation error") == told(response)
    assert fields == set(response.data)


def test_moving(crossbar_client: Session, item: str, berlin: str, paris: str) -> None:
    """Movements add up to what lies where; what is used up lies nowhere."""
    first = moved(crossbar_client, berlin, item, 10).document
    assert (berlin, 10, "") == (first["warehouse_id"], first["quantity"], first["note"])
    assert first == crossbar_client.read("account", ("movements", first["id"])).document
    moved(crossbar_client, berlin, item, -3, "sale")
    moved(crossbar_client, paris, item, 5)
    assert {berlin: 7, paris: 5} == levels(crossbar_client)
    assert {berlin: 7, paris: 5} == levels(crossbar_client, ("items", item))
    assert {paris: 5} == levels(crossbar_client, ("warehouses", paris))
    moved(crossbar_client, paris, item, -5, "damage")
    assert {berlin: 7} == levels(crossbar_client)
    assert [{"item_id": item, "quantity": 7}] == crossbar_client.get("/account/stock/totals").data


def test_taking_more_than_there_is(crossbar_client: Session, item: str, berlin: str) -> None:
    """Who takes more than there is learns how much there is, and changes nothing."""
    assert (409, "insufficient_stock") == told(moved(crossbar_client, berlin, item, -1, "sale"))
    moved(crossbar_client, berlin, item, 2)
    response = moved(crossbar_client, berlin, item, -3, "sale")
    assert (409, "insufficient_stock", 2) == (*told(response), response.data["available"])
    assert ({berlin: 2}, 1) == (levels(crossbar_client), len(crossbar_client.every("account", "movements")))


def test_a_movement_below_another_parent(crossbar_client: Session, item: str, berlin: str, paris: str) -> None:
    """The path decides on the warehouse, and a movement is not found below another one."""
    body = {"item_id": item, "warehouse_id": paris, "quantity": 1, "reason": "count"}
    movement = crossbar_client.create("account", ("warehouses", berlin), "movements", body=body).document
    assert berlin == movement["warehouse_id"]
    named = ("movements", movement["id"])
    assert 200 == crossbar_client.read("account", ("items", item), named).status
    assert (404, "bad_identifier") == told(crossbar_client.read("account", ("warehouses", paris), named))


def test_movements_do_not_change(crossbar_client: Session, item: str, berlin: str) -> None:
    """There is no way to change or delete a movement, nor to write a level."""
    movement = moved(crossbar_client, berlin, item, 1).document["id"]
    for verb in ("POST", "PATCH", "DELETE"):
        response = crossbar_client.request(verb, f"/account/movements/{movement}", {"quantity": 2})
        assert (405, "invalid_method") == told(response)
    assert 405 == crossbar_client.create("account", "stock", body={"quantity": 1}).status


def test_transfer(crossbar_client: Session, item: str, berlin: str, paris: str) -> None:
    """A transfer takes out here and puts in there, in one answer."""
    moved(crossbar_client, berlin, item, 5)
    body = {"item_id": item, "from_warehouse_id": berlin, "to_warehouse_id": paris, "quantity": 2, "note": "by van"}
    response = crossbar_client.post("/account/movements/transfer", body)
    both = [(row["warehouse_id"], row["quantity"], row["reason"], row["note"]) for row in response.documents]
    assert 201 == response.status
    assert [(berlin, -2, "transfer", "by van"), (paris, 2, "transfer", "by van")] == both
    assert {berlin: 3, paris: 2} == levels(crossbar_client)
    back = {"to_warehouse_id": berlin, "quantity": 1}
    assert 201 == crossbar_client.post(f"/account/warehouses/{paris}/items/{item}/movements/transfer", back).status
    assert {berlin: 4, paris: 1} == levels(crossbar_client)


def test_transfers_that_cannot_be(crossbar_client: Session, item: str, berlin: str, paris: str) -> None:
    """A transfer to nowhere, to the same place, or of what is not there is refused, and moves nothing."""
    moved(crossbar_client, berlin, item, 5)
    path = f"/account/warehouses/{berlin}/movements/transfer"
    for body, field in [
        ({"item_id": item, "to_warehouse_id": berlin, "quantity": 1}, "to_warehouse_id"),
        ({"item_id": item, "to_warehouse_id": "nowhere", "quantity": 1}, "warehouse_id"),
        ({"item_id": item, "to_warehouse_id": paris, "quantity": -1}, "quantity"),
    ]:
        response = crossbar_client.post(path, body)
        assert (400, [field]) == (response.status, list(response.data))
    late = crossbar_client.post(path, {"item_id": item, "to_warehouse_id": paris, "quantity": 6})
    assert (409, "insufficient_stock") == told(late)
    assert {berlin: 5} == levels(crossbar_client)


@pytest.mark.parametrize("noun", ["items", "warehouses"])
def test_what_holds_stock_is_not_deleted(crossbar_client: Session, item: str, berlin: str, noun: str) -> None:
    """An item that lies somewhere, and a warehouse that holds something, stay until that is gone."""
    named = (noun, {"items": item, "warehouses": berlin}[noun])
    moved(crossbar_client, berlin, item, 1)
    response = crossbar_client.delete("account", named)
    assert (409, "in_stock") == told(response)
    assert "1 of item" in response.data["message"]
    moved(crossbar_client, berlin, item, -1, "sale")
    assert 200 == crossbar_client.delete("account", named).status


def test_accounts_are_apart(crossbar_world: RunningWorld, crossbar_client: Session, item: str, berlin: str) -> None:
    """Another account sees nothing of it, cannot move it, and may use the same SKU."""
    moved(crossbar_client, berlin, item, 1)
    stranger = crossbar_world.client("stranger")
    assert {} == levels(stranger)
    warehouse = made(stranger, "warehouses", name="Berlin")
    assert ["item_id"] == list(moved(stranger, warehouse, item, 1).data)
    assert 201 == stranger.create("account", "items", body={"sku": "bolt-m8", "name": "Bolt"}).status
    assert 404 == stranger.get(f"/accounts/{crossbar_world.customer}/stock").status


@pytest.mark.parametrize("crossbar_settings", [GENEROUS])
def test_booking_first_and_counting_later(crossbar_client: Session, item: str, berlin: str) -> None:
    """With `allow_negative`, more may leave than is there, and what is owed shows."""
    assert 201 == moved(crossbar_client, berlin, item, -2, "sale").status
    assert {berlin: -2} == levels(crossbar_client)
    assert (409, "in_stock") == told(crossbar_client.delete("account", ("items", item)))


@pytest.mark.parametrize("crossbar_settings", [GENEROUS])
def test_what_is_owed_can_come_back_in_parts(
    crossbar_client: Session, crossbar_endpoints: list[Endpoint], item: str, berlin: str
) -> None:
    """When `allow_negative` is taken back, what comes in is welcome, also where it leaves something owed."""
    moved(crossbar_client, berlin, item, -5, "sale")
    next(endpoint for endpoint in crossbar_endpoints if endpoint.name == "movements").options = MovementOptions()
    assert 201 == moved(crossbar_client, berlin, item, 2).status
    assert (409, "insufficient_stock") == told(moved(crossbar_client, berlin, item, -1, "sale"))
    assert {berlin: -3} == levels(crossbar_client)
