"""What there is to say of a path in the realm style, for who has it explained: numbers of extensions, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...target import Noun
from . import aliases

if TYPE_CHECKING:
    from ...context import Context
    from .dialect import RealmDialect

_RULE = {
    "lenient": "it is taken all the same, since dialects.realm.slash is lenient",
    "redirect": "since dialects.realm.slash is redirect, the answer is 308 with the path as it should be",
    "strict": "since dialects.realm.slash is strict, there is nothing there",
}


def remarks(dialect: RealmDialect, ctx: Context) -> Iterator[str]:
    """A sentence for each number that the store is asked about, and one for a path with a wrong end."""
    for noun in ctx.target.nouns:
        if aliases.is_named(noun):
            yield _number(noun)
    wanted = dialect.wants_slash(ctx, ctx.target.nouns)
    if wanted is not None and wanted != ctx.raw_path.endswith(b"/"):
        rule = (
            "with a slash where its last part is a word" if wanted else "without a slash where its last part is an id"
        )
        yield f"A path ends {rule}; {_RULE[dialect.options.slash]}"


def _number(noun: Noun) -> str:
    """What the number of an extension stands for."""
    token = noun.args[0]
    prefix, star, number = token[1:].partition("*")
    where = f"in the account with the prefix {prefix}" if star else "in the account of the path, else in the caller's"
    number = number if star else prefix
    return f"{token} is the extension with the number {number} {where}, for which the store is asked"
