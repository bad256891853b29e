"""The order of the tests: fast ones first, those that start servers last."""

from __future__ import annotations

import pytest

# Folders of tests by what a run of them costs; "" stands for what lies directly in `tests`.
ORDER = (
    *(
        "house",
        "",
        "bench",
        "testing",
        "plugins",
        "walk",
        "examples",
        "modules",
        "dialects",
        "contract",
        "embedding",
        "protocol",
        "gateway",
        "cli",
    ),
    "clients",
    "browser",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of cheap folders before those of dear ones."""

    def cost(item: pytest.Item) -> int:
        folders = item.path.parts[item.path.parts.index("tests") + 1 : -1]
        return ORDER.index(folders[0] if folders else "")

    items.sort(key=cost)
