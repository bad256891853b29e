"""How `crossbar explain` tells the reading of a URI in dialects with words of their own: the prefix, then each word."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..dialects.plain import Plain
from ..explain import Explanation, readable
from ..target import Noun
from .walk import Step


def reading_steps(explanation: Explanation) -> list[Step]:
    """How the URI becomes a version and nouns, token by token; empty for a path that cannot be decoded."""
    ctx = explanation.context
    words = [(noun, at) for noun in ctx.target.nouns for at in range(-1, len(noun.args))]
    path = readable(ctx.raw_path.decode(errors="surrogateescape"))
    tokens = path.strip("/").split("/") if path.strip("/") else []
    begin = _prefix(ctx, tokens, len(words))
    rest = tokens[begin:]
    says = f"/{'/'.join(tokens[:begin])} is a prefix of the dialect {explanation.dialect}:" if begin else _NO_PREFIX
    steps = [Step(says, (("Version", explanation.version or "none"), *_remaining(rest)))]
    if not words:
        if rest:
            steps.append(Step(f"{rest[0]} is no word that a path of this dialect can begin with:", _remaining(rest)))
        return steps
    if not rest:
        steps.append(Step("Nothing is left: the prefix alone has a meaning:", _nouns(ctx.target.nouns)))
        return steps
    read: list[Noun] = []
    for number, (noun, at) in enumerate(words):
        read = [*read, Noun(noun.name)] if at < 0 else [*read[:-1], Noun(noun.name, noun.args[: at + 1])]
        word = noun.name if at < 0 else noun.args[at]
        says = _said(rest[number] if number < len(rest) else word, word, opens=at < 0)
        steps.append(Step(says, (*_nouns(tuple(read)), *_remaining(rest[number + 1 :]))))
    return [*steps, *_aliases(explanation)]


_NO_PREFIX = "No prefix is taken off:"


def _prefix(ctx: Context, tokens: list[str], words: int) -> int:
    """How many tokens the prefix has: those before the ones that became nouns, or as many as the dialect's own has."""
    if isinstance(ctx.dialect, Plain):
        prefix = ctx.dialect.prefix(ctx).strip("/").split("/")
        if tokens[: len(prefix)] == prefix:
            # NOTE: an empty token after the prefix is passed over by dialects that have clients who send it.
            return max(len(prefix), len(tokens) - words) if words else len(prefix)
    return len(tokens) - words if 0 < words <= len(tokens) else 0


def _said(token: str, word: str, *, opens: bool) -> str:
    """What a token is: a noun, a word for one, a word of an action, or an argument."""
    if opens:
        return f"{token} is a noun:" if token == word else f"{token} is the word for {word}:"
    return f"{token} is an argument:" if token == word else f"{token} is {word}:"


def _aliases(explanation: Explanation) -> Iterator[Step]:
    """What the path leaves out or calls by an alias, and what the dialect has to say besides."""
    ctx = explanation.context
    written, meant = ctx.target.nouns, explanation.nouns
    if len(meant) > len(written):
        yield Step(f"The path names no {ctx.dialect.word(meant[0].name)}, so the caller's own is meant:", _nouns(meant))
    told = {(a, b) for one, other in zip(written, meant[-len(written) :], strict=True) for a, b in _changed(one, other)}
    for alias, id in sorted(told, key=lambda pair: pair[1]):
        yield Step(f"{alias} stands for {id}, by who is asking:", _nouns(meant))
    if isinstance(ctx.dialect, Plain):
        yield from (Step(f"{remark}.", ()) for remark in ctx.dialect.remarks(ctx))


def _changed(one: Noun, other: Noun) -> Iterator[tuple[str, str]]:
    """The arguments of a noun that are aliases, with what they stand for."""
    return ((a, b) for a, b in zip(one.args, other.args, strict=False) if a != b)


def _nouns(nouns: tuple[Noun, ...]) -> tuple[tuple[str, str], ...]:
    return (("Nouns", ", ".join(map(str, nouns))),)


def _remaining(rest: list[str]) -> tuple[tuple[str, str], ...]:
    return (("Remaining", "/" + "/".join(rest)),) if rest else ()
