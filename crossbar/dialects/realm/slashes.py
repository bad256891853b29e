"""The slash at the end of a path: it stands behind a word, and not behind an id (reference, B.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import NotFound, Redirected
from ..answering import TOKENS
from ..paths import with_words
from .shapes import is_storage

if TYPE_CHECKING:
    from ...context import Context
    from ...target import Noun
    from .dialect import RealmDialect


def wants_slash(dialect: RealmDialect, ctx: Context, last: Noun) -> bool | None:
    """Whether a path with this last noun ends with a slash by rule, None where nothing answers."""
    if is_storage(dialect, last):
        return True
    dispatch = ctx.registry.dispatch(dialect).get(last.name)
    place = dispatch.at(last.args) if dispatch is not None else None
    return None if place is None else not last.args or bool(place.pattern and place.pattern[-1] is not None)


def keep_rule(dialect: RealmDialect, ctx: Context, last: Noun) -> None:
    """Refuse a path with a wrong end, or redirect to the right one, as the settings have it.

    Paths at which nothing answers are left to whoever says so; questions about what answers, which browsers ask ahead
    and follow nowhere, are answered.
    """
    wanted = wants_slash(dialect, ctx, last)
    if wanted is None or ctx.method == "OPTIONS":
        return
    path = ctx.raw_path.rstrip(b"/")
    if ctx.raw_path == (path + b"/" if wanted else path):
        return
    if dialect.options.slash == "strict":
        ending = "one slash at the end, since its last part is a word" if wanted else "no slash at the end"
        raise NotFound(f"write the path with {ending}")
    target, mark, query = with_words(ctx, {}, TOKENS).partition("?")
    prefix = f"{ctx.root_path}{dialect.prefix(ctx)}/"
    below = target.removeprefix(prefix).strip("/")
    raise Redirected(prefix + below + ("/" if wanted else "") + mark + query)
