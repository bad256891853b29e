"""Whether somebody is there to be asked, as the driver knows it: for how long a server is waited for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from pymongo.read_preferences import _ServerMode

from crossbar.errors import StoreUnavailable
from crossbar.settings import MongoSettings
from crossbar.stores.mongo import servers
from crossbar.stores.mongo.address import address_of
from crossbar.stores.mongo.connection import Connection
from crossbar.stores.mongo.servers import GONE_FOR

URL = "mongodb://127.0.0.1:1/x"


class Topology:
    """What the driver knows of the servers: the modes in which one can be read, and what is wrong with the others."""

    def __init__(self, modes: Iterable[str], faults: Mapping[tuple[str, int], str | None] | None = None) -> None:
        self._modes = frozenset(modes)
        self._faults = faults or {}

    def has_readable_server(self, preference: _ServerMode) -> bool:
        """Whether there is a server for it."""
        return preference.mongos_mode in self._modes

    def server_descriptions(self) -> dict[tuple[str, int], Any]:
        """The servers, with what is wrong with each."""
        told = self._faults.items()
        return {address: type("Told", (), {"error": fault and OSError(fault)}) for address, fault in told}


class Driver:
    """A driver that knows what it is told to."""

    def __init__(self) -> None:
        self.topology_description: Any = Topology(["primary"])


BOTH, NOBODY, LISTS = Topology(["primary", "secondaryPreferred"]), Topology([]), Topology(["secondaryPreferred"])


class Watched:
    """A connection whose driver and clock the test has in hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.now = 1000.0
        self.driver = Driver()
        wanted = MongoSettings(**settings)
        self._connection = Connection(address_of(URL, wanted), wanted)
        self._connection.client = self.driver  # type: ignore[assignment]
        monkeypatch.setattr(servers, "monotonic", lambda: self.now)

    def asked(self, topology: Topology, *, later: float = 0.0, lists: bool = False) -> str:
        """What becomes of a question at this topology, so many seconds later: why it is refused, "" if it is not."""
        self.now += later
        self.driver.topology_description = topology
        try:
            self._connection.expect(lists=lists)
        except StoreUnavailable as error:
            return str(error)
        return ""


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Give a connection that lists what other members than the primary have, too."""
    return Watched(monkeypatch, read_preference="secondaryPreferred")


async def test_nobody_waits_for_two_seconds_by_default() -> None:
    """Nor does the driver, which looks for a server for half a second longer than it may."""
    settings = MongoSettings()
    address = address_of(URL, settings)
    answers_within = Connection(address, settings).answers_within
    assert (answers_within, True) == (address.options["serverSelectionTimeoutMS"] / 1000, answers_within + 0.5 < 2)


async def test_an_election_is_waited_for(watched: Watched) -> None:
    """Who asks while there is nobody for less than three seconds is let in, and it begins anew each time."""
    for _ in range(3):
        assert not watched.asked(BOTH, later=100)
        assert not watched.asked(NOBODY)
        assert not watched.asked(NOBODY, later=GONE_FOR - 0.1)


async def test_an_outage_is_not(watched: Watched) -> None:
    """Nearly everybody is refused from then on, and nobody as soon as a server is there."""
    assert not watched.asked(NOBODY)
    assert not watched.asked(NOBODY, later=GONE_FOR - 0.5)
    assert not watched.asked(NOBODY, later=0.5)  # who has the driver look
    assert watched.asked(NOBODY)
    assert watched.asked(Topology([]), later=1)
    assert not watched.asked(BOTH)
    assert not watched.asked(NOBODY)


async def test_an_outage_of_patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they wait for longer, they are refused after twice that, so that none of them is for what it outlasts."""
    watched = Watched(monkeypatch, answer_seconds=15.0)
    assert not watched.asked(NOBODY)
    for later in (10, 10, 9.5, 0.5):
        assert not watched.asked(NOBODY, later=later)
    assert watched.asked(NOBODY)


async def test_somebody_waits_all_the_same(watched: Watched) -> None:
    """One in two seconds, since the driver looks more often for a server while somebody waits."""
    for _ in range(3):
        assert not watched.asked(NOBODY, later=GONE_FOR - 0.5)
    let_in = [not watched.asked(NOBODY, later=0.5) for _ in range(40)]
    assert [False, False, False, True] * 10 == let_in


async def test_what_was_known_long_ago_is_old(watched: Watched) -> None:
    """Who asks after a while finds an election, for all that is known, though the last one found an outage."""
    assert gone(watched, NOBODY, lists=True)
    for later in (GONE_FOR, 0.5, GONE_FOR - 1):
        assert not watched.asked(NOBODY, later=later, lists=True)
    assert gone(watched, NOBODY, lists=True)


def gone(watched: Watched, topology: Topology, *, lists: bool = False) -> str:
    """Why a question is refused when there has been nobody for it for a while, "" if it is not."""
    for later in (0, GONE_FOR - 0.5, 0.5):
        watched.asked(topology, later=later, lists=lists)
    return watched.asked(topology, lists=lists)


async def test_who_lists_needs_no_primary(watched: Watched) -> None:
    """Where members may be listed from, each sort of question has its own servers to wait for."""
    assert gone(watched, LISTS).endswith(": no primary can be reached")
    assert not gone(watched, LISTS, lists=True)
    assert gone(watched, NOBODY, lists=True).endswith(
        ": no server for readPreference=secondaryPreferred can be reached"
    )


async def test_who_lists_from_the_primary_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what is set unless somebody says otherwise; then both sorts of questions know the same."""
    watched = Watched(monkeypatch)
    assert gone(watched, LISTS, lists=True).endswith(": no primary can be reached")
    assert watched.asked(LISTS)


async def test_what_was_heard_is_told(watched: Watched) -> None:
    """What is wrong with each server, without what the driver adds of its settings."""
    faults = {
        ("a", 1): "a:1: refused (configured timeouts: 1)",
        ("b", 2): None,
        ("c", 3): "c:3: no answer, Timeout: 3s",
    }
    told = gone(watched, Topology([], faults))
    assert told.endswith(": no primary can be reached (a:1: refused; c:3: no answer)"), told
