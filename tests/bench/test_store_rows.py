"""What the comparison of the stores concludes from its samples: no load."""

from __future__ import annotations

from .rows import NAMES as MEASURED
from .stores import ASKED, MONGODB, SQLITE, Cost, store_figures


def test_each_request_is_told_on_both_stores_and_side_by_side() -> None:
    """The ratios are those of neighbours in a round, so that a slow minute for both changes nothing."""
    costs = {
        (SQLITE, "document"): [Cost(100, 1.0), Cost(300, 3.0), Cost(100, 1.0)],
        (MONGODB, "document"): [Cost(250, 2.0), Cost(750, 6.0), Cost(300, 4.0)],
    }

    figures = {each.name: each for each in store_figures(costs)}

    ratio = figures["stores-document"]
    assert (2.5, 2.5, 3.0) == (ratio.value, ratio.low, ratio.high)
    assert (2.0, 4.0) == (figures["stores-document-alone"].value, figures["stores-document-alone"].high)
    assert 300 == figures["stores-document-mongodb"].value
    assert 1.0 == figures["stores-document-sqlite-alone"].value


def test_what_one_store_lacks_is_compared_with_nothing() -> None:
    """A create that failed on MongoDB leaves that on SQLite standing."""
    told = store_figures({(SQLITE, "create"): [Cost(1, 1)]})

    assert ["stores-create-sqlite", "stores-create-sqlite-alone"] == [each.name for each in told]
    assert [] == store_figures({})


def test_it_can_be_asked_for_alone() -> None:
    """`scripts/bench --only stores` measures one document, one page and one create."""
    assert "stores" in MEASURED
    assert ["document", "page-first", "create"] == list(ASKED)
