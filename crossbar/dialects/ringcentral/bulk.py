"""Several ids in one path: each answered on its own, all of them together with 207 (reference, A.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...bulk import Part
    from ...context import Context
    from .dialect import RingCentralDialect


def wanted(dialect: RingCentralDialect, ctx: Context) -> tuple[Part, ...]:
    """The parts of a request whose path has several ids, empty for one."""
    return ()


def together(dialect: RingCentralDialect, ctx: Context, parts: Sequence[Context]) -> None:
    """Put the answers to all parts into the context of the request."""
    raise NotImplementedError
