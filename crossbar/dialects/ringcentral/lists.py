"""RingCentral's lists: `records` with `paging` and `navigation`, by numbered pages or by page tokens.

A page token holds the words of the query that it belongs to, so that a client need not repeat them, and the sealed key
at which its page begins; the seal covers what the words mean.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from msgspec.structs import replace

from ...dates import from_iso, iso_millis
from ...errors import BadRequest
from ...filters import Filter
from ...pagination import Listing, PageRequest
from ...reply import Page
from ..queries import number_of
from .shapes import AVAILABILITY, NOTHING, available
from .uris import uri_of

if TYPE_CHECKING:
    from ...context import Context
    from .dialect import RingCentralDialect

PAGE, SIZE, TOKEN, COUNT = "page", "perPage", "pageToken", "recordCount"
FROM, TO, ORDER = "dateFrom", "dateTo", "orderBy"
WINDOWED = frozenset({"cdrs", "messages"})
"""Nouns whose lists begin a day ago unless a client says otherwise."""
WRONG_TOKEN = f"{TOKEN} is none of this list, has been changed or has expired: send what a page of it said"
_LONGEST = 4096
_TIMES = frozenset({"creationTime", "startTime", "id"})


def listing(dialect: RingCentralDialect, ctx: Context) -> Listing:
    """The page, times, order and filters of a request; what took effect without being said is added to `ctx.words`."""
    start = _opened(ctx)
    shown = available(ctx)
    if shown is not None and AVAILABILITY not in ctx.query:
        _add(ctx, *shown[0])
    _add_window(dialect, ctx)
    first, last = _time(ctx, FROM, end=False), _time(ctx, TO, end=True)
    if first is not None and last is not None and first > last:
        raise BadRequest(f"{FROM} is after {TO}", word="bad_parameter", cause=FROM)
    return Listing(
        _page(dialect, ctx, start),
        (*dialect.filters(ctx), *(shown[1] if shown is not None else ())),
        created_from=first,
        created_to=last,
        full=True,
        timed=True,
    )


def filters(
    dialect: RingCentralDialect, ctx: Context, usual: Callable[[Context], tuple[Filter, ...]]
) -> tuple[Filter, ...]:
    """The filters of the query, in which clients write Python's `True` for `true`; none passes what is never so."""
    kept = ctx.words
    fixed = dialect.words.fixed.get(ctx.bound.endpoint.name, {}) if ctx.bound is not None else {}
    asked = {name: {value for word, value in kept if word == name} for name in fixed}
    never = any(asked[name] and str(value) not in asked[name] for name, value in fixed.items())
    free = [pair for pair in kept if pair[0] not in fixed]
    ctx.words = [*free, *((name, value.lower()) for name, value in free if value in ("True", "False"))]
    try:
        return (*usual(ctx), *((NOTHING,) if never else ()))
    finally:
        ctx.words = kept


def collection(dialect: RingCentralDialect, ctx: Context, rows: list[Any], page: Page | None) -> dict[str, Any]:
    """A list as RingCentral's clients read it."""
    asked = ctx.listing().page
    words = [(name, value) for name, value in ctx.words if name not in dialect.unrepeated]
    path = dialect.path(ctx, ctx.nouns())
    _lead_to_files(dialect, ctx, rows, path)
    size = (SIZE, str(asked.size))
    if page is not None and asked.number is None:
        kept = [pair for pair in words if pair[0] not in (SIZE, PAGE, COUNT)]
        leads = _by_token(dialect, ctx, [*kept, size], page)
        return {"uri": uri_of(ctx, path, [*kept, size]), "records": rows, **leads}
    number = asked.number or 1
    total = page.total if page is not None else None
    if total is None and (page is None or page.rows.next is None):
        # NOTE: a list that the module gives whole is cut here, or a client would find it again on every page.
        total = len(rows)
        rows = rows[(number - 1) * asked.size : number * asked.size]
    kept = [pair for pair in words if pair[0] not in (SIZE, PAGE)]

    def at(page_number: int) -> str:
        return uri_of(ctx, path, [*kept, (PAGE, str(page_number)), size])

    paging = {"page": number, "perPage": asked.size}
    navigation: dict[str, Any] = {"firstPage": {"uri": at(1)}}
    more = page is not None and page.rows.next is not None
    if rows:
        paging |= {"pageStart": (number - 1) * asked.size, "pageEnd": (number - 1) * asked.size + len(rows) - 1}
    pages = number
    # NOTE: behind so many rows no page is found by its number, and no link may lead there by one.
    deepest = ctx.app.settings.paging.deepest // asked.size + 1 if page is not None else None
    if total is not None:
        pages = max(-(-total // asked.size), 1)
        paging |= {"totalPages": pages, "totalElements": total}
        if deepest is None or pages <= deepest:
            navigation["lastPage"] = {"uri": at(pages)}
        more = number < pages
        if number > pages:
            paging.pop("page", None)
    if more and page is not None and page.rows.next is not None and deepest is not None and number >= deepest:
        token = token_for(ctx, [*kept, size], page.rows.next)
        navigation["nextPage"] = {"uri": uri_of(ctx, path, [(TOKEN, token)])}
    elif more:
        navigation["nextPage"] = {"uri": at(number + 1)}
    if number > 1:
        navigation["previousPage"] = {"uri": at(min(number - 1, pages))}
    return {"uri": at(number), "records": rows, "paging": paging, "navigation": navigation}


def _lead_to_files(dialect: RingCentralDialect, ctx: Context, rows: list[Any], path: str) -> None:
    """Say of the files of one document where each of them is."""
    name, args = ctx.nouns()[-1]
    if len(args) != 2 or args[1] not in dialect.words.links.get(name, {}).values():
        return
    for row in rows:
        if isinstance(row, dict) and "id" in row:
            row.setdefault("uri", uri_of(ctx, f"{path}/{quote(str(row['id']), safe='')}"))


def _by_token(dialect: RingCentralDialect, ctx: Context, words: list[tuple[str, str]], page: Page) -> dict[str, Any]:
    """What leads on where pages have tokens instead of numbers."""
    asked = ctx.listing().page
    first = token_for(ctx, words, "")
    paging: dict[str, Any] = {"perPage": asked.size, "firstPageToken": first}
    navigation: dict[str, Any] = {}
    if asked.start is not None:
        paging["pageToken"] = paging["currentPageToken"] = ctx.query[TOKEN]
    if page.rows.next is not None:
        token = token_for(ctx, words, page.rows.next)
        paging["nextPageToken"] = navigation["nextPageToken"] = token
    if page.previous is not None:
        token = token_for(ctx, words, page.previous)
        paging["previousPageToken"] = navigation["prevPageToken"] = token
    return {"paging": paging, "navigation": navigation}


def token_for(ctx: Context, words: list[tuple[str, str]], key: str) -> str:
    """The page token for these words of a query and the page that begins at a plain key, empty for the beginning."""
    sealed = ctx.app.start_keys.seal(key, ctx.binding(ctx.listing()), ctx.started_at) if key else ""
    return urlsafe_b64encode(f"{sealed}?{urlencode(words)}".encode()).rstrip(b"=").decode()


def _opened(ctx: Context) -> str | None:
    """The sealed key of the page token in the query, empty for the beginning, None if there is no token.

    The words that the token holds take the place of those in the query.
    """
    token = ctx.query.get(TOKEN)
    if token is None:
        return None
    wrong = BadRequest(WRONG_TOKEN, cause=TOKEN)
    wrong.word = "bad_parameter"
    if len(token) > _LONGEST or not token.isascii():
        raise wrong
    try:
        sealed, mark, query = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition("?")
        words = parse_qsl(query, strict_parsing=bool(query), keep_blank_values=True)
    except ValueError:
        raise wrong from None
    if not mark or len(words) > ctx.app.settings.limits.query_words:
        raise wrong
    ctx.words = [*words, (TOKEN, token)]
    ctx.query = dict(ctx.words)
    return sealed


def _page(dialect: RingCentralDialect, ctx: Context, start: str | None) -> PageRequest:
    """Which page is asked for: by number, unless a token says otherwise or the list is one that has tokens."""
    most = ctx.app.settings.paging.maximum
    if ctx.query.get(SIZE) == "max":
        size: int | None = most
    else:
        size = number_of(ctx, SIZE) or number_of(ctx, COUNT)
    number = number_of(ctx, PAGE)
    noun = ctx.bound.endpoint.name if ctx.bound is not None else ""
    by_token = start is not None or COUNT in ctx.query or noun in dialect.options.token_pages
    page = PageRequest(
        min(size or dialect.options.page_size, most),
        descending=_descending(ctx),
        asked=size is not None or number is not None or start is not None,
        chunked=False,
    )
    if by_token:
        return replace(page, start=start or None, backward=bool(start))
    return replace(page, number=number or 1)


def _descending(ctx: Context) -> bool:
    """The order: newest first, unless `orderBy` says otherwise. BadRequest for an order that there is not."""
    asked = ctx.query.get(ORDER)
    if not asked:
        return True
    # NOTE: a plus that was not encoded has become a blank (reference, A.2).
    sign = "-" if asked[0] == "-" else "+"
    name = asked.lstrip("+- ").partition(",")[0]
    if name not in _TIMES:
        raise BadRequest(f"{ORDER} can be {', '.join(sorted(_TIMES))}, with + or -", word="bad_parameter", cause=ORDER)
    return sign == "-"


def _time(ctx: Context, word: str, *, end: bool) -> int | None:
    """A time in the query as Unix seconds, truncated to the second; BadRequest if it is none."""
    text = ctx.query.get(word)
    if text is None:
        return None
    try:
        return from_iso(text, end=end)
    except ValueError:
        told = f"{word} must be a date and time such as 2012-07-16T23:12:30.45Z"
        raise BadRequest(told, word="bad_parameter", cause=word) from None


def _add_window(dialect: RingCentralDialect, ctx: Context) -> None:
    """Let a list of calls or messages begin a day before its end, as RingCentral does, if nobody says otherwise."""
    bound, window = ctx.bound, dialect.options.window
    if bound is None or bound.endpoint.name not in WINDOWED or bound.route.operation != "find" or ctx.verb != "GET":
        return
    if not window or FROM in ctx.query:
        return
    last = _time(ctx, TO, end=True)
    text = iso_millis((ctx.now if last is None else last) - window)
    _add(ctx, FROM, text)


def _add(ctx: Context, name: str, value: str) -> None:
    """Let the query say what took effect without having been said."""
    ctx.words = [*ctx.words, (name, value)]
    ctx.query = dict(ctx.words)
