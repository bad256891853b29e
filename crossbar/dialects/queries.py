"""What queries and forms say in dialects without an envelope: the page, and the fields that rows must have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from ..errors import BadRequest
from ..filters import MOST_FILTERS, Filter, path_of
from ..pagination import PageRequest
from .fields import Fields
from .rules import Path, Rule, Times

if TYPE_CHECKING:
    from ..context import Context


def page_of(ctx: Context, page_word: str, size_words: tuple[str, ...], key_word: str) -> PageRequest:
    """Which page is asked for: by number, or from a key on; sizes above the maximum mean the maximum."""
    paging = ctx.app.settings.paging
    size = next((number_of(ctx, word) for word in size_words if word in ctx.query), None)
    number = number_of(ctx, page_word)
    start = ctx.query.get(key_word)
    usual = min(paging.page_size, paging.maximum)
    return PageRequest(
        min(size, paging.maximum) if size is not None else usual,
        start or None,
        asked=size is not None or number is not None or bool(start),
        chunked=False,
        number=None if start else number,
    )


def number_of(ctx: Context, word: str) -> int | None:
    """A word of the query as a whole number of at least 1, None if it is not there; BadRequest otherwise."""
    text = ctx.query.get(word)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15 and int(text) >= 1):
        raise BadRequest(f"{word} must be a whole number of at least 1", word="bad_parameter", cause=word)
    return int(text)


def filters_of(
    words: Iterable[tuple[str, str]], fields: Fields, extra: Mapping[str, str], times: Times
) -> tuple[Filter, ...]:
    """The filters that words of a query ask for: `extra` names fields for some of them, the others are names of fields.

    A word that stands there several times has several values, of which a field must have one. What names no field says
    nothing.
    """
    wanted: dict[str, list[str]] = {}
    for name, value in words:
        wanted.setdefault(name, []).append(value)
    found = []
    for name, values in wanted.items():
        named = fields.filter_by(extra[name]) if name in extra else fields.filter_of(name)
        if named is not None:
            path_of(name, ".".join(named[0]))
            found.append(_filter(name, *named, values, times))
    if len(found) > MOST_FILTERS:
        raise BadRequest(f"a request can have {MOST_FILTERS} filters, not {len(found)}")
    found.sort(key=lambda filter: (filter.operator, filter.path, str(filter.value)))
    return tuple(found)


def _filter(word: str, path: Path, rule: Rule | None, values: list[str], times: Times) -> Filter:
    """The filter of a field that has to have one of these values."""
    if rule is not None and (rule.outward or rule.form):
        try:
            values = [_text(rule.taken(value, times)) for value in values]
        except ValueError as error:
            raise BadRequest(f"{word} {error}", word="bad_parameter", cause=word) from None
    values = list(dict.fromkeys(values))
    return Filter("any", path, tuple(values)) if len(values) > 1 else Filter("equals", path, values[0])


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def form_of(raw: bytes, most: int) -> dict[str, str]:
    """The fields of a form (WHATWG URL, 5.1), each once; BadRequest if they are malformed."""
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=most)
    except ValueError:
        raise BadRequest("the form in the body is not percent-encoded UTF-8, or has too many fields") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadRequest("a field stands in the form more than once", word="duplicate_parameter")
    return fields
