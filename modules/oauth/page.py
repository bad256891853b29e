"""The login page of `GET oauth/authorize`: one form, no scripts, nothing from elsewhere, and nobody may frame it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Mapping
from hashlib import sha256
from html import escape
from urllib.parse import urlencode, urlsplit

from crossbar import Reply, Stream

KEPT = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
"""The parameters that go along from the page's address to the form's request."""
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:22rem;margin:4rem auto;padding:0 1rem;color:#222;background:#fff"
    "}h1{font-size:1.3rem}label{display:block;margin:1rem 0}input{display:block;box-sizing:border-box;width:100%;"
    "font:inherit;padding:.4rem}button{font:inherit;padding:.4rem 1rem}"
    ".wrong{color:#a00}.small{font-size:.85rem;color:#555}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_TYPE = "text/html; charset=utf-8"
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]+)?")


def login_page(
    name: str, asked: Mapping[str, str], *, typed: Mapping[str, str] | None = None, wrong: str = "", status: int = 200
) -> Reply:
    """The page on which somebody logs in by the application of that name; `wrong` says why the last try failed."""
    typed = typed or {}
    hidden = "".join(
        f'<input type="hidden" name="{field}" value="{escape(asked[field])}">' for field in KEPT if asked.get(field)
    )
    told = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    fields = "".join(
        f'<label>{label}<input name="{field}" value="{escape(typed.get(field, ""))}" {more}></label>'
        for label, field, more in (
            ("User name", "username", 'autocomplete="username" autocapitalize="none" spellcheck="false" required'),
            ("Extension, if you log in by a number", "extension", 'inputmode="numeric" autocomplete="off"'),
        )
    )
    # NOTE: the action is this page's own path, whatever it is, without the query.
    return _page(
        "Log in",
        f"<h1>Log in to {escape(name)}</h1>{told}"
        f'<form method="post" action="?">{hidden}{fields}'
        '<label>Password<input type="password" name="password" autocomplete="current-password" required></label>'
        "<button>Log in</button></form>"
        f'<p class="small">You will then be led to {escape(_place(asked["redirect_uri"]))}, '
        f"and {escape(name)} can act for you.</p>",
        status,
        f"'self' {_origin(asked['redirect_uri'])}",
    )


def error_page(message: str) -> Reply:
    """The page for a request that cannot be led back, since nobody knows to whom."""
    text = "The application that sent you here has made a mistake"
    return _page("Not possible", f"<h1>Not possible</h1><p>{text}: {escape(message)}.</p>", 400, "'none'")


def led_back(uri: str, words: Mapping[str, str], status: int) -> Reply:
    """A redirection to an address of the application's, with these words added to its query."""
    told = urlencode({name: value for name, value in words.items() if value})
    location = f"{uri}{'&' if '?' in uri else '?'}{told}"
    return Reply(Stream(_once(b""), _TYPE), status, (*_headers("'none'"), (b"location", location.encode())))


def _page(title: str, content: str, status: int, actions: str) -> Reply:
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><main>{content}</main></body></html>"
    )
    return Reply(Stream(_once(page.encode()), _TYPE), status, _headers(actions))


def _headers(actions: str) -> tuple[tuple[bytes, bytes], ...]:
    policy = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {actions}; "
    return (
        (b"content-security-policy", f"{policy}base-uri 'none'; frame-ancestors 'none'".encode()),
        (b"x-frame-options", b"DENY"),
        *NO_STORE,
    )


NO_STORE = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
"""What RFC 6749, 5.1 wants beside everything in which there is a token."""


def _origin(uri: str) -> str:
    """The source of CSP that an address belongs to: browsers ask for it as well when a form is led on."""
    parts = urlsplit(uri)
    is_plain = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc)
    return f"{parts.scheme}://{parts.netloc}" if is_plain else f"{parts.scheme}:"


def _place(uri: str) -> str:
    """What people are told of where they are led."""
    parts = urlsplit(uri)
    return parts.netloc or f"the app {parts.scheme}"


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def plain(asked: Mapping[str, object], names: Iterable[str]) -> dict[str, str]:
    """The named parameters that are texts."""
    return {name: value for name in names if isinstance(value := asked.get(name), str)}
