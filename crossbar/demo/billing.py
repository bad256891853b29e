"""The demo upstream `billing`: the invoices of every demo account, kept in memory, behind a small HTTP API of its own.

    GET  /api/{account}/invoices?limit=N   all of them, the newest first
    POST /api/{account}/invoices           make one of {"lines": [{"text": "...", "amount": 1250}]}; PUT does the same
    GET  /api/{account}/invoices/{id}      one
    GET  /api/{account}/invoices/{id}/pdf  the same on paper, also in ranges
    GET  /reports/totals                   what each account owes and has paid
    GET  /readyz                           whether it can be asked

Accounts are those of the recipe, so the gateway's rule is the only one about who sees which. Amounts are in cents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson

from ..errors import BadRequest, MethodNotAllowed, NotFound
from ..media.ranges import satisfiable
from .files import page
from .plain import App, Receive, Scope, Send, header, refusing, reply, reply_json, whole_body
from .recipe import Recipe
from .tree import pick, plan_accounts

FIRST_INVOICE = 1001
_MONTHS = 12
_YEAR = 2026
_SERVICES = (("Telephone lines", 1490), ("Toll-free numbers", 500), ("Recordings", 990), ("International calls", 310))
_LONGEST_BODY = 65_536
_MOST_LINES = 50
_COLLECTION, _ONE, _PAPER = 3, 4, 5  # how many segments their paths have

Invoice = dict[str, Any]


class Billing:
    """The invoices by account and number; what is made while it runs is gone when it ends."""

    def __init__(self, recipe: Recipe) -> None:
        """Make the same invoices for the same recipe."""
        self._invoices = {
            account.id: {invoice["id"]: invoice for invoice in _invoices(recipe, account.id, account.name)}
            for account in plan_accounts(recipe, now=0)
        }

    def target(self, name: str) -> App:
        """One of the processes that would share the database; its name is in the field `X-Served-By`."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close"})
                return

            async def named(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message = {**message, "headers": [*message["headers"], (b"x-served-by", name.encode())]}
                await send(message)

            await refusing(self._answer)(scope, receive, named)

        return app

    def totals(self) -> list[dict[str, Any]]:
        """What each account owes and has paid, in cents."""
        return [
            {
                "account": account,
                "owed": sum(each["amount"] for each in invoices.values() if not each["paid"]),
                "paid": sum(each["amount"] for each in invoices.values() if each["paid"]),
            }
            for account, invoices in self._invoices.items()
        ]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: list[str] = scope["path"].strip("/").split("/")
        if path in (["readyz"], ["reports", "totals"]):
            _only(scope, "GET", "HEAD")
            await reply_json(send, 200, {"ready": True} if path == ["readyz"] else self.totals())
            return
        if len(path) not in (_COLLECTION, _ONE, _PAPER) or path[0] != "api" or path[2] != "invoices":
            raise NotFound
        invoices = self._invoices.get(path[1])
        if invoices is None:
            raise NotFound("there is no such account")
        if len(path) == _COLLECTION:
            await self._collection(scope, receive, send, invoices)
            return
        _only(scope, "GET", "HEAD")
        invoice = invoices.get(path[3])
        if invoice is None or path[4:] not in ([], ["pdf"]):
            raise NotFound(f"there is no invoice {path[3]}")
        if len(path) == _ONE:
            await reply_json(send, 200, invoice)
        else:
            await _paper(scope, send, invoice)

    async def _collection(self, scope: Scope, receive: Receive, send: Send, invoices: dict[str, Invoice]) -> None:
        if scope["method"] in ("PUT", "POST"):
            made = _made(await whole_body(receive, _LONGEST_BODY), len(invoices))
            invoices[made["id"]] = made
            await reply_json(send, 201, made, (b"location", f"{scope['path'].rstrip('/')}/{made['id']}".encode()))
            return
        _only(scope, "GET", "HEAD", "POST", "PUT")
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("limit", ["100"])[0]
        if not asked.isascii() or not asked.isdigit():
            raise BadRequest("limit: write a number")
        await reply_json(send, 200, [*reversed(invoices.values())][: min(int(asked[:4]), 100)])


def _only(scope: Scope, *methods: str) -> None:
    if scope["method"] not in methods:
        raise MethodNotAllowed(", ".join(methods))


def _invoices(recipe: Recipe, account: str, name: str) -> Iterable[Invoice]:
    """One for each month of the year; those of the last months are not paid yet."""
    dice = recipe.dice("invoices", account)
    for month in range(1, _MONTHS + 1):
        chosen = dict.fromkeys(pick(dice, _SERVICES) for _ in range(3))
        lines = [{"text": text, "amount": price * (1 + int(dice.random() * 40))} for text, price in chosen]
        yield _invoice(month - 1, f"{_YEAR}-{month:02d}-28", name, lines, paid=month < _MONTHS - 1)


def _invoice(place: int, issued: str, name: str, lines: list[dict[str, Any]], *, paid: bool) -> Invoice:
    return {
        "id": str(FIRST_INVOICE + place),
        "customer": name,
        "issued": issued,
        "currency": "EUR",
        "amount": sum(line["amount"] for line in lines),
        "paid": paid,
        "lines": lines,
    }


def _made(body: bytes, place: int) -> Invoice:
    """A new invoice as a body describes it; BadRequest with what is wrong."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("send JSON") from None
    lines = said.get("lines") if isinstance(said, Mapping) else None
    if not isinstance(lines, list) or not 1 <= len(lines) <= _MOST_LINES or not all(map(_is_line, lines)):
        raise BadRequest('lines: send one to fifty of {"text": "...", "amount": 1250}, amounts in cents')
    kept = [{"text": line["text"], "amount": line["amount"]} for line in lines]
    return _invoice(place, f"{_YEAR}-{_MONTHS}-31", str(said.get("customer", "")), kept, paid=False)


def _is_line(line: Any) -> bool:
    return isinstance(line, Mapping) and isinstance(line.get("text"), str) and type(line.get("amount")) is int


async def _paper(scope: Scope, send: Send, invoice: Invoice) -> None:
    """The invoice as PDF, or the range of it that is asked for; all of it for several ranges (RFC 9110, 14.2)."""
    lines = [f"{line['text']:<40} {line['amount'] / 100:>12.2f}" for line in invoice["lines"]]
    total = f"{'Total':<40} {invoice['amount'] / 100:>12.2f} {invoice['currency']}"
    content = page(f"Invoice {invoice['id']}", invoice["customer"], invoice["issued"], "", *lines, "", total)
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'.encode()
    fields = [(b"accept-ranges", b"bytes"), (b"etag", tag)]
    asked = header(scope, b"range") if header(scope, b"if-range") in ("", tag.decode()) else ""
    parts = satisfiable(asked, len(content)) if asked else []
    if len(parts) == 1:
        start, length = parts[0]
        fields.append((b"content-range", parts[0].content_range(len(content))))
        await reply(send, 206, content[start : start + length], b"application/pdf", *fields)
    else:
        await reply(send, 200, content, b"application/pdf", *fields)
