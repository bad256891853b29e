"""The parameters of a request, which are texts, however they came: each by its name, within its bounds."""

from __future__ import annotations

import re
from typing import Any

from crossbar import Body, TokenRefused

LONGEST = 4096
"""The characters of a parameter."""
_WHOLE = re.compile(r"([+-]?)0*([0-9]+)")
_DIGITS = 12
"""The digits of a number of seconds: with more of them, it is beyond all bounds."""


def text(body: Body, name: str) -> str:
    """A parameter, empty if it is not there: RFC 6749, 3.2 has these two as one. TokenRefused if it is no text."""
    value: Any = body.get(name)
    if value is None:
        return ""
    if type(value) is int:
        return str(value)  # from JSON, where a number may well be written as one
    if not isinstance(value, str):
        raise TokenRefused(f"{name} must be text")
    if len(value) > LONGEST:
        raise TokenRefused(f"{name} is longer than {LONGEST} characters")
    return value


def needed(body: Body, name: str) -> str:
    """A parameter that must be there; TokenRefused if it is not."""
    value = text(body, name)
    if not value:
        raise TokenRefused(f"{name} is missing")
    return value


def life(body: Body, name: str, usual: int, least: int, most: int) -> int:
    """A number of seconds, the usual one if it is not there, brought within its bounds if it is beyond them.

    TokenRefused if it is no whole number.
    """
    asked = text(body, name).strip()
    found = _WHOLE.fullmatch(asked)
    if asked and found is None:
        raise TokenRefused(f"{name} must be a whole number of seconds")
    if found is not None:
        asked = found[1] + found[2][: _DIGITS + 1]
    # NOTE: clients of others send -1 where they mean that they do not know, and rely on getting a token all the same.
    return max(min(int(asked) if asked else usual, most), min(least, most))


def scope_of(body: Body, offered: list[str]) -> str:
    """The scopes that are asked for, all that are `offered` if none is; TokenRefused if one of them is not offered.

    Where nothing is offered, scopes have no meaning, and whatever is asked for is left out.
    """
    asked = list(dict.fromkeys(text(body, "scope").split()))
    if not asked or not offered:
        return " ".join(offered)
    if not set(asked) <= set(offered):
        raise TokenRefused(f"scope can be made of {', '.join(offered)}", word="invalid_scope")
    return " ".join(asked)
