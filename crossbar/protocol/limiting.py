"""The protocol with other limits than its own, as `uvicorn.run(app, http=limited(max_connections=200))` takes it."""

from __future__ import annotations

import copyreg
from typing import Any, cast

from .http import HttpProtocol
from .limits import WireLimits


def limited(limits: Any = None, /, **others: float | None) -> type[HttpProtocol]:
    """The protocol with other limits.

    `limits` is an object like `Settings.limits`, of which `target`, `headers` and `header_count` count here. The others
    are attributes of `WireLimits`: `limited(settings.limits, max_connections=200)`. TypeError for a name that is none.
    """
    values: dict[str, float | None] = {}
    if limits is not None:
        values.update(max_target=limits.target, max_headers=limits.headers, max_header_count=limits.header_count)
    for name, value in others.items():
        if name.startswith("_") or not hasattr(WireLimits, name):
            raise TypeError(f"{name} is no limit of the protocol")
        values[name] = value
    return _with(values)


class _Limited(type):
    """The type of what `limited` returns: it can be pickled, so that uvicorn can hand it to its worker processes."""

    values: dict[str, float | None]


def _with(values: dict[str, float | None]) -> type[HttpProtocol]:
    return cast(type[HttpProtocol], _Limited("LimitedHttpProtocol", (HttpProtocol,), {**values, "values": values}))


copyreg.pickle(_Limited, lambda protocol: (_with, (protocol.values,)))  # type: ignore[arg-type, return-value]
