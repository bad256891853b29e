"""The recipe of the demo data: what may be changed, and what is refused."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from crossbar.demo import demo_documents, load_recipe
from crossbar.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 1", "colour"),
        ("[customers]\nusrs = 3", "usrs"),
        ("records = -1", "records"),
        ("records = 'many'", "records"),
        ("[master]\ncount = 2", "master.count"),
        ("[resellers]\ncount = 0", "resellers"),
        ("[departments]\nusers = 1", "40 accounts"),
        ("[calls]\nhours = [1]", "hours"),
        ("[names]\narea_codes = ['12']", "area_codes"),
        ("seed = ", "not TOML"),
    ],
    ids=["key", "nested", "bounds", "type", "master", "parents", "users", "hours", "area", "toml"],
)
def test_a_wrong_recipe_is_refused(text: str, said: str) -> None:
    """The error names the place."""
    with pytest.raises(SettingsError, match=said):
        load_recipe(text, "mine.toml")


def test_a_recipe_says_only_what_differs() -> None:
    """The rest is as shipped; keywords win over the text."""
    found = load_recipe("records = 7\nmonths = 1\n[customers]\nslope = 0.0", months=2)
    assert found == msgspec.structs.replace(
        load_recipe(), records=7, months=2, customers=msgspec.structs.replace(load_recipe().customers, slope=0.0)
    )


def test_a_small_tree_is_possible() -> None:
    """One account, one user, one phone."""
    one = {"count": 1, "users": 1, "devices": 1, "callflows": 1}
    none = {"count": 0, "users": 0, "devices": 0, "callflows": 0}
    recipe = load_recipe(records=9, master=one, resellers=none, customers=none, departments=none)
    found = demo_documents(recipe, now=1_790_000_000, secrets=lambda *_: {})
    counts = Counter(document.kind for document in found)
    assert (counts["accounts"], counts["users"], counts["devices"], counts["callflows"], counts["cdrs"]) == (
        1,
        1,
        1,
        1,
        9,
    )
