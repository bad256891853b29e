"""The demo data: the same for everybody, of the promised shape, and true in itself."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossbar.demo import (
    DEMO_ACCOUNT,
    DEMO_PASSWORD,
    DEMO_USER,
    Recipe,
    demo_account_id,
    demo_documents,
    load_recipe,
)
from crossbar.schema import Schemas
from crossbar.stores import Document

NOW = 1_790_000_000
SCHEMAS = Path(__file__).parents[1] / "modules" / "schemas"
FICTION = re.compile(r"\+1[2-9][0-9]{2}55501[0-9]{2}")

Bodies = dict[str, Any]


def keep(username: str, password: str) -> Bodies:
    """Stand in for the hashing of passwords."""
    return {"kept": f"{username}:{password}"}


def made(now: int = NOW, **changes: Any) -> list[Document]:
    """All documents of a changed recipe."""
    return list(demo_documents(load_recipe(**changes), now=now, secrets=keep))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Give the recipe as it is shipped."""
    return load_recipe()


@pytest.fixture(scope="module")
def documents(recipe: Recipe) -> list[Document]:
    """Give everything that the shipped recipe makes."""
    return list(demo_documents(recipe, now=NOW, secrets=keep))


@pytest.fixture(scope="module")
def kinds(documents: list[Document]) -> dict[str, list[Document]]:
    """Give the documents by kind, each kind in the order in which they were made."""
    found: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        found[document.kind].append(document)
    return found


def bodies(documents: list[Document]) -> Iterator[tuple[str, Bodies]]:
    """Decode documents, each with its tenant."""
    return ((document.tenant, document.data()) for document in documents)


def ids(documents: list[Document]) -> set[tuple[str, str]]:
    """Tenant and id of documents."""
    return {(document.tenant, document.id) for document in documents}


def test_the_same_recipe_at_the_same_time_makes_the_same_bytes() -> None:
    """Nothing but the recipe and the time has a say."""
    assert made(records=2000) == made(records=2000)


def test_another_seed_makes_other_documents() -> None:
    """The seed decides about everything that is drawn."""
    assert not ids(made(records=50)) & ids(made(records=50, seed=1))


def test_time_moves_the_documents_but_not_their_ids() -> None:
    """A demo that is made anew tomorrow has the accounts, users and keys of today."""
    early, late = made(records=0), made(NOW + 86_400, records=0)
    assert [document.id for document in early] == [document.id for document in late]
    assert [document.created for document in early] != [document.created for document in late]


@pytest.mark.parametrize(
    ("kind", "least"), [("users", 400), ("devices", 2500), ("callflows", 2500), ("registrations", 1500)]
)
def test_there_is_enough_of_everything(kinds: dict[str, list[Document]], kind: str, least: int) -> None:
    """The installation is as big as a small provider's."""
    assert len(kinds[kind]) >= least


def test_the_demo_account_is_worth_a_look(documents: list[Document], recipe: Recipe) -> None:
    """Who logs in first finds listings of several pages."""
    home = demo_account_id(recipe)
    counts = Counter(document.kind for document in documents if document.tenant == home)
    assert counts["users"] > 60
    assert counts["devices"] > 120
    assert counts["callflows"] > 60
    assert counts["cdrs"] == 10_000


def test_the_tree_has_four_levels(kinds: dict[str, list[Document]]) -> None:
    """demo, resellers, customers, departments; each knows its ancestors from the root down."""
    private = {document.id: document.secrets() for document in kinds["accounts"]}
    assert Counter(len(kept["tree"]) for kept in private.values()) == {0: 1, 1: 3, 2: 18, 3: 40}
    for kept in private.values():
        assert kept["parent"] == (kept["tree"][-1] if kept["tree"] else "")
        if kept["tree"]:
            assert kept["tree"] == [*private[kept["parent"]]["tree"], kept["parent"]]


def test_parents_come_first(kinds: dict[str, list[Document]]) -> None:
    """A store can be filled in the order of the documents."""
    seen: set[str] = set()
    for document in kinds["accounts"]:
        assert set(document.secrets()["tree"]) <= seen
        seen.add(document.id)


def test_there_is_one_master_account(kinds: dict[str, list[Document]], recipe: Recipe) -> None:
    """It is the root, it is called demo, and its id can be had in advance."""
    masters = [document for document in kinds["accounts"] if document.secrets().get("master")]
    assert [(document.id, document.data()["name"]) for document in masters] == [(demo_account_id(recipe), DEMO_ACCOUNT)]


def test_accounts_are_found_by_their_api_key(kinds: dict[str, list[Document]]) -> None:
    """A key leads to its account, and only its digest is an id."""
    found = {document.id: document.data()["account_id"] for document in kinds["api_keys"]}
    keys = {document.id: document.secrets()["api_key"] for document in kinds["accounts"]}
    assert found == {hashlib.sha256(key.encode()).hexdigest(): account for account, key in keys.items()}
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys.values())


def test_only_the_demo_administrator_can_log_in(kinds: dict[str, list[Document]], recipe: Recipe) -> None:
    """Nobody else has a password, and no password is in a body."""
    able = [document for document in kinds["users"] if document.private is not None]
    (admin,) = able
    assert admin.tenant == demo_account_id(recipe)
    assert admin.secrets() == {"kept": f"{DEMO_USER}:{DEMO_PASSWORD}"}
    assert admin.data() | {"username": DEMO_USER, "priv_level": "admin", "first_name": "Demo"} == admin.data()
    assert not any("password" in body for _, body in bodies(kinds["users"]))


def test_secrets_may_be_bytes() -> None:
    """What is encoded already is kept as it is."""
    found = demo_documents(load_recipe(records=0), now=NOW, secrets=lambda *_: b'{"a": 1}')
    assert [document.private for document in found if document.kind == "users" and document.private] == [b'{"a": 1}']


def test_resellers_and_customers_have_an_administrator(kinds: dict[str, list[Document]]) -> None:
    """One each, and departments have none."""
    admins = Counter(tenant for tenant, body in bodies(kinds["users"]) if body["priv_level"] == "admin")
    assert admins == {document.id: 1 for document in kinds["accounts"] if len(document.secrets()["tree"]) < 3}


def test_no_document_is_there_twice(documents: list[Document]) -> None:
    """Tenant, kind and id name one document."""
    assert len({(document.tenant, document.kind, document.id) for document in documents}) == len(documents)


def test_ids_are_well_formed(documents: list[Document]) -> None:
    """32 hex digits, behind the month for records, and a word for limits; the body carries the same id."""
    forms = {"cdrs": r"\d{6}-[0-9a-f]{32}", "api_keys": "[0-9a-f]{64}", "limits": "limits"}
    for document in documents:
        assert re.fullmatch(forms.get(document.kind, "[0-9a-f]{32}"), document.id)
        assert document.body.startswith(b'{"id":"%s"' % document.id.encode())


def test_times_are_in_the_past(documents: list[Document]) -> None:
    """Nothing is created before 1970 or after now."""
    assert all(0 < document.created <= document.modified <= NOW for document in documents)


@pytest.mark.parametrize(
    "kind",
    [
        *("accounts", "users", "devices", "callflows", "cdrs", "groups", "menus", "lists"),
        *("temporal_rules", "directories", "webhooks", "recordings", "limits", "applications"),
    ],
)
def test_bodies_are_valid(kinds: dict[str, list[Document]], kind: str) -> None:
    """What is in the store would be accepted from a client, formats included."""
    schema = Schemas({path.stem: path.read_bytes for path in SCHEMAS.glob("*.json")}).compiled(kind)
    assert kinds[kind]
    assert [found for _, body in bodies(kinds[kind]) if (found := schema.check(body))] == []


@pytest.mark.parametrize("field", ["name", "realm", "prefix"])
def test_accounts_differ(kinds: dict[str, list[Document]], field: str) -> None:
    """Logins find an account by name or realm, full numbers by its prefix."""
    found = [body[field].lower() for _, body in bodies(kinds["accounts"])]
    assert len(set(found)) == len(found)


def test_names_of_a_tenant_differ(kinds: dict[str, list[Document]]) -> None:
    """User names, extensions, MAC addresses, SIP user names and the numbers of callflows occur once in an account."""
    found: list[tuple[str, str, str]] = []
    for tenant, body in bodies(kinds["users"]):
        found += [(tenant, "user", body["username"].lower()), (tenant, "extension", body["number"])]
    for tenant, body in bodies(kinds["devices"]):
        found += [(tenant, "mac", body["mac_address"])] if "mac_address" in body else []
        found += [(tenant, "sip", body["sip"]["username"])] if "sip" in body else []
    for tenant, body in bodies(kinds["callflows"]):
        found += [(tenant, "number", number) for number in (*body["numbers"], *body["patterns"])]
    assert [name for name, times in Counter(found).items() if times > 1] == []


def test_most_devices_have_an_owner_who_exists(kinds: dict[str, list[Document]]) -> None:
    """The others stand in rooms."""
    owners = [(tenant, body.get("owner_id")) for tenant, body in bodies(kinds["devices"])]
    owned = [owner for owner in owners if owner[1]]
    assert len(owned) > 0.8 * len(owners)
    assert set(owned) <= ids(kinds["users"])


def test_about_three_fifths_of_the_devices_are_registered(kinds: dict[str, list[Document]]) -> None:
    """A registration has the id of its device."""
    assert ids(kinds["registrations"]) <= ids(kinds["devices"])
    assert 0.55 < len(kinds["registrations"]) / len(kinds["devices"]) < 0.65
    assert all(body["expires_at"] > NOW and body["user_agent"] for _, body in bodies(kinds["registrations"]))


def steps(flow: Bodies) -> Iterator[Bodies]:
    """Every step of a flow."""
    yield flow
    for child in flow["children"].values():
        yield from steps(child)


def test_callflows_lead_somewhere(kinds: dict[str, list[Document]]) -> None:
    """Every id in a flow is a document of the same account."""
    stands_for = {"user": "users", "device": "devices", "menu": "menus", "callflow": "callflows", "group": "groups"}
    known = {kind: ids(kinds[kind]) for kind in ("temporal_rules", "directories", *stands_for.values())}
    modules: Counter[str] = Counter()
    for tenant, body in bodies(kinds["callflows"]):
        for found in steps(body["flow"]):
            module, data = found["module"], found["data"]
            modules[module] += 1
            if module == "ring_group":
                wanted = {(stands_for[end["endpoint_type"]], end["id"]) for end in data["endpoints"]}
            elif module == "temporal_route":
                wanted = {("temporal_rules", rule) for rule in data["rules"]}
            elif module == "directory":
                wanted = {("directories", data["id"])}
            else:
                wanted = {(stands_for[module], data["id"])} if module in stands_for else set()
            assert all((tenant, id) in known[kind] for kind, id in wanted), body["name"]
    assert {"user", "device", "menu", "ring_group", "temporal_route", "directory", "callflow"} <= set(modules)


def test_groups_and_directories_have_members_who_exist(kinds: dict[str, list[Document]]) -> None:
    """Groups list users and devices, directories users; users say in which group they are, and to which callflow a
    directory leads.
    """
    wanted: list[tuple[str, str, str]] = []
    for tenant, body in bodies(kinds["groups"]):
        wanted += [(tenant, f"{end['type']}s", id) for id, end in body["endpoints"].items()]
    for tenant, body in bodies(kinds["directories"]):
        wanted += [(tenant, "users", id) for id in body["users"]]
    for tenant, body in bodies(kinds["users"]):
        wanted += [(tenant, "directories", id) for id in body.get("directories", {})]
        wanted.append((tenant, "groups", body["extension_group_id"]))
        wanted += [(tenant, "callflows", id) for id in body.get("directories", {}).values()]
    known = {
        (document.tenant, kind, document.id)
        for kind in ("users", "devices", "directories", "callflows", "groups")
        for document in kinds[kind]
    }
    assert set(wanted) <= known


def test_nothing_real_is_named(documents: list[Document]) -> None:
    """Numbers are fictitious, and names and addresses are below example.com."""
    for document in documents:
        text = document.body.decode()
        assert all(FICTION.fullmatch(number) for number in re.findall(r"\+\d+", text)), text
        hosts = re.findall(r"(?:@|//)([a-z0-9.-]+)", text)
        assert all(host.endswith("example.com") or re.fullmatch(r"[0-9.]+", host) for host in hosts), text
