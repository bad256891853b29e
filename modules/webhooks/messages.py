"""The HTTP request that a delivery is: method, URI, headers and body, signed. Pure."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import urlencode

from crossbar import Body, Document, __version__

from .deliveries import Delivery
from .events import told
from .guard import place
from .options import WebhookOptions
from .signing import signed_headers

_FORM = "application/x-www-form-urlencoded"


class Message(NamedTuple):
    """A request to a receiver. `shown` is its URI as it may be recorded, without the query."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    shown: str


def message(webhook: Document, delivery: Delivery, now: int, options: WebhookOptions) -> Message:
    """What is sent for a delivery now, by what the webhook says now; Refused if nothing may be sent to its URI."""
    data = webhook.data()
    where = place(data.get("uri", ""), options)
    facts = told(delivery.facts, data.get("custom_data") or {})
    method = str(data.get("http_verb", "post")).upper()
    headers = {
        "user-agent": f"Crossbar/{__version__}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "x-hook-id": webhook.id,
        "x-account-id": delivery.account_id,
    }
    query, body = where.query, b""
    if method == "GET":
        query = "&".join(filter(None, [query, urlencode(facts)]))
    elif data.get("format") == "json":
        headers["content-type"] = "application/json"
        body = json.dumps(facts, separators=(",", ":"), ensure_ascii=False).encode()
    else:
        headers["content-type"] = _FORM
        body = urlencode(facts).encode()
    # NOTE: a GET has no body. What it tells is its query, so that is what is signed.
    content = query.encode() if method == "GET" else body
    headers |= signed_headers(valid_secrets(webhook.secrets(), now), delivery.id, now, content)
    return Message(method, where.url(query), headers, body, where.url(""))


def valid_secrets(private: Body, now: int) -> list[str]:
    """The secrets that a webhook's deliveries are signed with now: the present one, and for a while the one before."""
    found: list[Any] = [private.get("secret")]
    if private.get("former_until", 0) > now:
        found.append(private.get("former"))
    return [secret for secret in found if secret]
