"""How far a store has come, in all and kind by kind: numbers that tell caches whether anything was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from . import Change, Delete, Insert, Keep, Replace


class Versions:
    """Counts what one process writes; the numbers only grow."""

    def __init__(self) -> None:
        self._all = 0
        self._kinds: dict[str, int] = {}
        self._renewed = 0

    def of(self, kinds: Sequence[str]) -> int:
        """The version of these kinds together, or of everything if none is named."""
        # NOTE: none of the addends ever shrinks, so the sum is another one as soon as one of them is.
        return self._renewed + (sum([self._kinds.get(kind, 0) for kind in kinds]) if kinds else self._all)

    def wrote(self, kinds: Iterable[str]) -> None:
        """Something was written: documents of these kinds, if any."""
        self._all += 1
        for kind in kinds:
            self._kinds[kind] = self._kinds.get(kind, 0) + 1

    def renew(self) -> None:
        """Anything may have been written, by anybody."""
        self._renewed += 1


def kinds_of(changes: Iterable[Change]) -> set[str]:
    """The kinds of the documents that are changed; a blob that is dropped is no document."""
    kinds = set()
    for change in changes:
        match change:
            case Insert(document) | Replace(document):
                kinds.add(document.kind)
            case Delete() | Keep():
                kinds.add(change.kind)
    return kinds
