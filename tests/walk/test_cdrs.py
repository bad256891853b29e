"""Call records: all of them, one for each call, all legs of a call, sums, and those of one user."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.dates import gregorian
from crossbar.testing import NOW

from .tools import Home, ids, leg, refused

USER = {"first_name": "Ada", "last_name": "Byron"}


async def calls(home: Home) -> tuple[str, str, list[dict[str, Any]]]:
    """Two users, and six legs of three calls between them, the oldest first."""
    ada, bob = [await home.made("/users", USER) for _ in range(2)]
    legs = []
    for call in range(3):
        interaction = f"{gregorian(NOW + call)}-0000000{call}"
        for side, owner in enumerate((ada, bob)):
            legs.append(
                leg(
                    2 * call + side,
                    owner,
                    interaction_id=interaction,
                    direction=("inbound", "outbound")[side],
                    hangup_cause=("NORMAL_CLEARING", "USER_BUSY", "NORMAL_CLEARING")[call],
                    duration_seconds=10 * (call + 1),
                    billing_seconds=call,
                    _private={"head": side == 0},
                )
            )
    await home.stored("cdrs", legs)
    return ada, bob, legs


async def test_records_come_newest_first(home: Home) -> None:
    """A listing shows whole records, the newest first."""
    _, _, legs = await calls(home)
    response = await home.get("/cdrs")
    assert [leg["id"] for leg in reversed(legs)] == ids(response)
    newest = {key: value for key, value in legs[-1].items() if key != "_private"}
    assert newest == response.data[0]


async def test_one_record(home: Home) -> None:
    """A record is read by its id, below its user as well, and not below another one."""
    ada, bob, legs = await calls(home)
    assert legs[0]["call_id"] == (await home.get(f"/cdrs/{legs[0]['id']}")).data["call_id"]
    assert 200 == (await home.get(f"/users/{ada}/cdrs/{legs[0]['id']}")).status
    refused(await home.get(f"/users/{bob}/cdrs/{legs[0]['id']}"), 404, "bad_identifier")
    refused(await home.get("/cdrs/202605-ffffffff"), 404, "bad_identifier")


async def test_the_records_of_a_user(home: Home) -> None:
    """Below a user there are that user's legs only."""
    ada, bob, legs = await calls(home)
    for user, side in ((ada, 0), (bob, 1)):
        assert [leg["id"] for leg in legs[side::2]] == ids(await home.get(f"/users/{user}/cdrs?ascending=true"))


async def test_interactions(home: Home) -> None:
    """`interaction` shows one record for each call: its first leg."""
    ada, bob, legs = await calls(home)
    assert [leg["id"] for leg in legs[::2]] == ids(await home.get("/cdrs/interaction?ascending=true"))
    assert [leg["id"] for leg in legs[::2]] == ids(await home.get(f"/users/{ada}/cdrs/interaction?ascending=true"))
    assert [] == ids(await home.get(f"/users/{bob}/cdrs/interaction"))


@pytest.mark.parametrize("named", ["interaction_id", "id"])
async def test_the_legs_of_a_call(home: Home, named: str) -> None:
    """`legs` shows all legs of one call, which is named by its interaction or by the record of one of its legs."""
    _, _, legs = await calls(home)
    response = await home.get(f"/cdrs/legs/{legs[2][named]}?ascending=true")
    assert (200, [legs[2]["id"], legs[3]["id"]]) == (response.status, ids(response))


async def test_the_legs_of_an_unknown_call(home: Home) -> None:
    """Where there is no such call there are no legs, whatever the answer is called."""
    response = await home.get("/cdrs/legs/63780000000-ffffffff")
    assert [] == ids(response) if response.status == 200 else refused(response, 404, "bad_identifier")


async def test_a_summary(home: Home) -> None:
    """`summary` counts legs and seconds, and says how calls went and ended."""
    await calls(home)
    expected = {
        "count": 6,
        "duration_seconds": 120,
        "billing_seconds": 6,
        "directions": {"inbound": 3, "outbound": 3},
        "hangup_causes": {"NORMAL_CLEARING": 4, "USER_BUSY": 2},
    }
    assert expected == (await home.get("/cdrs/summary")).data


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("filter_direction=inbound", 3),
        ("filter_hangup_cause=USER_BUSY", 2),
        (f"created_from={gregorian(NOW + 4)}", 2),
        (f"created_to={gregorian(NOW + 1)}", 2),
        ("page_size=1", 6),
        ("paginate=false", 6),
        ("filter_direction=sideways", 0),
    ],
)
async def test_a_summary_of_some(home: Home, query: str, count: int) -> None:
    """Filters and time windows choose what is summed up, pages do not."""
    await calls(home)
    assert count == (await home.get(f"/cdrs/summary?{query}")).data["count"]


async def test_the_summary_of_a_user(home: Home) -> None:
    """Below a user that user's legs are summed up."""
    ada, _, _ = await calls(home)
    assert {"inbound": 3} == (await home.get(f"/users/{ada}/cdrs/summary")).data["directions"]


async def test_a_summary_of_nothing(home: Home) -> None:
    """Where there is nothing, everything is zero."""
    expected = {"count": 0, "duration_seconds": 0, "billing_seconds": 0, "directions": {}, "hangup_causes": {}}
    assert expected == (await home.get("/cdrs/summary")).data


async def test_a_summary_of_odd_records(home: Home) -> None:
    """A record that a switch wrote without, or with odd, numbers does not take the summary down."""
    odd: list[dict[str, Any]] = [
        {},
        {"duration_seconds": None},
        {"duration_seconds": "12"},
        {"billing_seconds": 1.5},
        {"direction": None},
        {"hangup_cause": 5},
    ]
    await home.stored("cdrs", [{"call_id": "x"} | row for row in odd])
    response = await home.get("/cdrs/summary")
    assert (200, 6) == (response.status, response.data["count"])


@pytest.mark.parametrize(
    "path", ["/cdrs/interaction/x", "/cdrs/summary/x", "/cdrs/legs", "/cdrs/legs/x/y", "/cdrs/x/y"]
)
async def test_other_paths_are_nothing(home: Home, path: str) -> None:
    """There is nothing below what is there."""
    refused(await home.get(path), 404)


async def test_a_record_whose_id_has_odd_characters(home: Home) -> None:
    """Ids of records come from switches; percent-encoded they can be read."""
    await home.stored("cdrs", [leg(1, id="202605-a b+c@d/e%f")])
    response = await home.get("/cdrs/202605-a%20b+c@d%2Fe%25f")
    assert (200, "202605-a b+c@d/e%f") == (response.status, response.data["id"])
