"""The authorization end point (RFC 6749, 3.1): a browser comes with an application's wish and leaves with a code.

Who asks, and where the browser may be led back to, is settled first; until then every fault ends on a page of ours.
From then on faults are led back to the application.
"""

from __future__ import annotations

from typing import NamedTuple

from crossbar import Body, Context, Reply, TokenRefused, TooManyRequests, Unauthorized

from .clients import Client, known
from .codes import Wish, challenge_of, new_code
from .options import OAuthOptions
from .page import KEPT, error_page, led_back, login_page, plain
from .parameters import scope_of, text
from .people import logged_in

CODE = "authorization_code"
_WRONG = "User name or password is wrong."
_TYPED = ("username", "extension")


class _Asked(NamedTuple):
    """Who asks, and for what."""

    client: Client
    redirect_uri: str
    state: str


async def authorize(ctx: Context, body: Body, options: OAuthOptions, *, logs_in: bool) -> Reply:
    """The login page, or what a login on it leads to."""
    asked = await _asked(ctx, body)
    if isinstance(asked, Reply):
        return asked
    try:
        wish = _wish(asked, body)
        return await _log_in(ctx, asked, wish, body, options) if logs_in else _shown(asked, body)
    except TokenRefused as refused:
        words = {"error": refused.word, "error_description": refused.message, "state": asked.state}
        return led_back(asked.redirect_uri, words, 303 if logs_in else 302)


async def _asked(ctx: Context, body: Body) -> _Asked | Reply:
    """Who asks; a page if that is nobody, or if it wants people led to where nobody said that they may be led."""
    try:
        client = await known(ctx, text(body, "client_id"))
        uri, state = text(body, "redirect_uri"), text(body, "state")
    except TokenRefused as refused:
        return error_page(refused.message)
    if client is None:
        return error_page("there is no application with its client_id")
    # NOTE: letter by letter (RFC 9700, 2.1): whatever is more lenient has been a way to steal codes.
    if uri not in client.application.data().get("redirect_uris", []):
        return error_page("its redirect_uri is none of those that were agreed on")
    return _Asked(client, uri, state)


def _wish(asked: _Asked, body: Body) -> Wish:
    """What is asked for; TokenRefused if that is not to be had."""
    response_type = text(body, "response_type")
    if not response_type:
        raise TokenRefused("response_type is missing")
    if response_type != "code":
        raise TokenRefused("response_type must be code", word="unsupported_response_type")
    if not asked.client.may(CODE):
        raise TokenRefused(f"the application may not use {CODE}", word="unauthorized_client")
    challenge = challenge_of(asked.client, text(body, "code_challenge"), text(body, "code_challenge_method"))
    return Wish(asked.redirect_uri, challenge, scope_of(body, asked.client.scopes))


async def _log_in(ctx: Context, asked: _Asked, wish: Wish, body: Body, options: OAuthOptions) -> Reply:
    """Lead somebody back with a code, or show the page again if their password is wrong."""
    username, password = text(body, "username"), text(body, "password")
    try:
        person = await logged_in(ctx, asked.client, username, password, text(body, "extension"), text(body, "account"))
    except Unauthorized:
        return _shown(asked, body, _WRONG, 401)
    except TooManyRequests as refused:
        page = _shown(asked, body, "There were too many failed logins. Wait a while, then try again.", 429)
        page.headers += refused.headers
        return page
    code = await new_code(ctx, asked.client, person, wish, options.code_ttl)
    return led_back(asked.redirect_uri, {"code": code, "state": asked.state}, 303)


def _shown(asked: _Asked, body: Body, wrong: str = "", status: int = 200) -> Reply:
    """The login page, with what was typed but the password."""
    name = str(asked.client.application.data()["name"])
    return login_page(name, plain(body, KEPT), typed=plain(body, _TYPED), wrong=wrong, status=status)
