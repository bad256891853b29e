"""Conditional requests: entity tags against `If-Match` and `If-None-Match` (RFC 9110, 13)."""

from __future__ import annotations

from .context import Context
from .errors import PreconditionFailed


def listed(ctx: Context, name: bytes, tag: str, *, weak: bool = True) -> bool:
    """Whether a conditional header lists an entity tag, or is `*`; `weak` lets a weak tag stand for the strong one."""
    tags = [part.strip() for part in (ctx.header(name) or "").split(",")]
    return "*" in tags or tag in tags or (weak and f"W/{tag}" in tags)


def refuse_stale(ctx: Context, revision: str) -> None:
    """Raise PreconditionFailed if `If-Match` names another revision than this one (13.1.1)."""
    if not listed(ctx, b"if-match", f'"{revision}"', weak=False):
        raise PreconditionFailed
