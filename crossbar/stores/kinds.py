"""What kinds and their paths may be called: stores make names of tables, collections and indexes of them."""

from __future__ import annotations

import re

from ..errors import StoreUnavailable
from . import Kind

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_DOTTED = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)


def checked(kind: Kind) -> Kind:
    """The kind, whose names can be used as they are; StoreUnavailable names the one that cannot."""
    if not _NAME.fullmatch(kind.name):
        raise StoreUnavailable(f"kind {kind.name!r}: a name is a-z, 0-9 and _, and begins with a letter")
    for dotted in (*kind.unique, *kind.indexes, *kind.private_indexes):
        if not _DOTTED.fullmatch(dotted):
            raise StoreUnavailable(f"kind {kind.name!r}: {dotted!r} is not a path to index, such as 'a.b_c'")
    return kind
