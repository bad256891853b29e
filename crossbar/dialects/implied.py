"""The status that an operation implies in a dialect, for whoever tells of a request that is not carried out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..dispatch import Bound
from ..reply import Reply
from .answering import Answering

if TYPE_CHECKING:
    from ..context import Context


def implied(ctx: Context, bound: Bound) -> int:
    """The status that the operation implies: 201 for what makes something, else what the dialect says, or 200."""
    returned = _returned(bound.call)
    if bound.route.verb == "PUT" and (returned is Reply or Reply in getattr(returned, "__args__", ())):
        return 201  # an action that answers with more than plain JSON has made something
    said = next((_SAID[name] for name in _called_in(bound.call) if name in _SAID), None)
    if said is not None and returned is Reply:
        return said
    if isinstance(ctx.dialect, Answering):
        # NOTE: what is deleted is told of nobody, and an action without an answer says so.
        is_silent = ctx.verb == "DELETE" or returned is None
        return ctx.dialect.status(ctx, Reply(None if is_silent else {}))
    return 201 if bound.route.operation == "create" else 200


_SAID = {"created": 201, "accepted": 202}
"""The statuses that methods give by the name of what they answer with."""


def _called_in(call: Callable[..., Any]) -> tuple[str, ...]:
    """The names that the method of an operation uses."""
    code = getattr(getattr(call, "__func__", None), "__code__", None)
    return code.co_names if code is not None else ()


@lru_cache(maxsize=1024)
def _returned(call: Callable[..., Any]) -> Any:
    """What the method of an operation says that it answers with; Any if it says nothing that can be read."""
    try:
        return inspect.get_annotations(call.__func__, eval_str=True).get("return", Any)  # type: ignore[attr-defined]
    except (AttributeError, NameError, TypeError):
        return Any
