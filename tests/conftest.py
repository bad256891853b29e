"""The order of the tests: fast ones first, those that start servers last."""

from __future__ import annotations

import pytest

# Folders of tests by what a run of them costs; what is not named stands directly in `tests`.
ORDER = ("house", "", "bench", "walk", "contract", "cli", "clients")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of cheap folders before those of dear ones, and tests with a socket after those without."""

    def cost(item: pytest.Item) -> tuple[int, bool]:
        folders = item.path.parts[item.path.parts.index("tests") + 1 : -1]
        folder = folders[0] if folders else ""
        return (ORDER.index(folder) if folder in ORDER else len(ORDER), item.path.name.startswith("test_protocol"))

    items.sort(key=cost)
