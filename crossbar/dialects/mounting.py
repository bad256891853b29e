"""Which of the bundled dialects an application speaks, as its settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import SettingsError
from . import Dialect

if TYPE_CHECKING:
    from ..settings import Dialects

BUNDLED = ("crossbar", "ringcentral", "realm")


def mounted(settings: Dialects) -> tuple[Dialect, ...]:
    """The dialects that are mounted, in the order in which they are asked whether a path is theirs.

    SettingsError for words that are not well formed, and for a prefix that two of them have.
    """
    found: list[Dialect] = []
    # PERF: a dialect that nobody speaks is not imported.
    for name in dict.fromkeys(settings.mounted):
        if name == "crossbar":
            from .crossbar import CrossbarDialect

            found.append(CrossbarDialect())
        elif name == "ringcentral":
            from .ringcentral import RingCentralDialect

            found.append(RingCentralDialect(settings.ringcentral))
        else:
            from .realm import RealmDialect

            found.append(RealmDialect(settings.realm))
    _refuse_clashes(settings)
    return tuple(found)


def _refuse_clashes(settings: Dialects) -> None:
    owners: dict[str, str] = {}
    prefixes = {"ringcentral": settings.ringcentral.prefixes, "realm": (*settings.realm.prefixes, settings.realm.oauth)}
    for name in settings.mounted:
        for prefix in prefixes.get(name, ()):
            owner = owners.setdefault(prefix, name)
            if owner != name:
                raise SettingsError([f"dialects.{name}.prefixes: {prefix} is a prefix of {owner}: choose another one"])
