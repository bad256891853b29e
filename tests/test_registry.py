"""The registry: endpoints by name, checked as they arrive, with their dispatch ready."""

from __future__ import annotations

import pytest

from crossbar import Answer, Context, Crossbar, Endpoint, Registry
from crossbar.dialects.crossbar import CrossbarDialect
from crossbar.errors import RegistrationError
from crossbar.stores.memory import MemoryStore
from crossbar.testing import small_world


class Phones(Endpoint):
    """Phones."""

    name = "phones"

    async def find(self, ctx: Context) -> Answer:
        """All of them."""
        return ["phones"]


class Files(Endpoint):
    """Files, in folders as deep as they like."""

    name = "files"
    greedy = True

    async def read(self, ctx: Context, *path: str) -> Answer:
        """One of them."""
        return list(path)


class Nameless(Endpoint):
    """A base class that somebody registered."""


def named(name: str) -> Endpoint:
    """Give an endpoint that gets its name past the check of the class."""
    endpoint = Phones()
    endpoint.name = name  # type: ignore[misc]
    return endpoint


def registry(*endpoints: Endpoint) -> Registry:
    """Give a registry that holds these endpoints."""
    made = Registry()
    for endpoint in endpoints:
        made.add(endpoint, f"{type(endpoint).__name__.lower()}.py")
    return made


def test_an_endpoint_is_found_by_its_name() -> None:
    """What was added is there under its name, with the place that it came from."""
    phones = Phones()
    found = registry(phones)
    assert (phones, "phones.py", "phones", "") == (
        found.names["phones"],
        found.entries["phones"].origin,
        found.entries["phones"].name,
        found.entries["phones"].fault,
    )


def test_walking_is_by_name() -> None:
    """A walk gives every entry once, in the order of the names."""
    found = registry(Phones(), Files())
    assert (["files", "phones"], 2) == ([entry.name for entry in found], len(found))


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        pytest.param(Nameless(), ("Nameless", "here.py", "no name"), id="no name"),
        pytest.param(named("account"), ("'account'", "here.py", "another name"), id="the alias"),
        pytest.param(named("v2"), ("'v2'", "here.py", "another name"), id="a version"),
        pytest.param(named("v17"), ("'v17'", "here.py", "another name"), id="a version to come"),
        pytest.param(named("phones"), ("'phones'", "phones.py", "here.py", "rename"), id="a name that is taken"),
    ],
)
def test_what_cannot_join(endpoint: Endpoint, told: tuple[str, ...]) -> None:
    """A name that is missing, taken or a word of the path is refused, both sides and the remedy in the message."""
    found = registry(Phones())
    with pytest.raises(RegistrationError) as error:
        found.add(endpoint, "here.py")
    assert told == tuple(part for part in told if part in str(error.value)), str(error.value)


def test_a_refused_endpoint_leaves_no_trace() -> None:
    """After a clash the first one is still there, and nothing of the second."""
    phones, second = Phones(), named("phones")
    found = registry(phones)
    with pytest.raises(RegistrationError):
        found.add(second, "here.py")
    assert ([phones], 1) == ([entry.endpoint for entry in found], len(found))


def test_greedy_endpoints_are_known() -> None:
    """The tokenizer is told which names take every token after them."""
    assert {"files"} == registry(Phones(), Files()).greedy


def test_dispatch_is_made_once_for_each_dialect() -> None:
    """The dispatch of a dialect is made when it is first asked for, and again when an endpoint joined."""
    found = registry(Phones())
    first = found.dispatch(CrossbarDialect())
    assert first is found.dispatch(CrossbarDialect())
    found.add(Files(), "files.py")
    assert {"files", "phones"} == set(found.dispatch(CrossbarDialect()))


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("phone", "phones"), ("phnoes", "phones"), ("filez", "files"), ("zzz", None), ("", None)],
)
def test_the_nearest_name(wrong: str, meant: str | None) -> None:
    """A name that is nearly right leads to the right one."""
    assert meant == registry(Phones(), Files()).nearest(wrong)


def test_two_applications_share_nothing() -> None:
    """What one application is given, another one does not have."""
    one = Crossbar(store=MemoryStore(), endpoints=[Phones()], bundled=False)
    two = Crossbar(store=MemoryStore(), endpoints=[Files()], bundled=False)
    assert [["phones"], ["files"]] == [[entry.name for entry in app.registry] for app in (one, two)]


async def test_an_endpoint_given_to_the_application_answers() -> None:
    """An endpoint that the host hands over is served like the bundled ones."""
    world = await small_world(endpoints=[Phones(), Files()])
    client = await world.client()
    phones = await client.get(f"/accounts/{world.master}/phones")
    files = await client.get(f"/accounts/{world.master}/files/users/devices/x")
    assert [["phones"], ["users", "devices", "x"]] == [phones.data, files.data]


async def test_a_404_names_the_nearest_endpoint() -> None:
    """A misspelt noun is answered with how far the path resolved and what may have been meant."""
    world = await small_world()
    client = await world.client()
    response = await client.get(f"/accounts/{world.master}/devises")
    assert (404, ["v2", f"accounts/{world.master}"]) == (response.status, response.data["resolved"])
    assert "'devices'" in response.data["message"]
