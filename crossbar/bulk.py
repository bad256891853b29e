"""Requests for several things at once, where a dialect has them: each part on a walk of its own, one answer to all.

A part is charged, authorized and carried out as if it had come alone, with the body that belongs to it. None of them
keeps the others from being done: what each led to stands in the answer.
"""

from __future__ import annotations

from copy import copy

from .context import Answered, Context
from .errors import NotAcceptable
from .events import close
from .pipeline import Stage
from .walk import refuse, walk


async def answer(ctx: Context, stages: tuple[Stage, ...]) -> None:
    """Take each part through the stages that are left, let the dialect answer them together, and end the walk."""
    parts = []
    for number, asked in enumerate(ctx.several):
        part = copy(ctx)
        part.several, part.charge = (), None
        part.target, part.raw_body = asked.target, asked.raw_body
        if asked.media_type:
            part.headers = {**ctx.headers, b"content-type": asked.media_type.encode()}
        part.response_headers, part.parents, part.files, part.pending = [], {}, [], []
        # NOTE: each has an id of its own in the log, which leads to that of the request.
        part.request_id = f"{ctx.request_id}.{number}"
        await walk(part, stages)
        if not isinstance(part.payload, bytes):
            await close(part.payload)
            part.payload = b""
            refuse(part, NotAcceptable("files are fetched one by one"))
        parts.append(part)
        ctx.charge = part.charge
    ctx.parts = parts
    ctx.resolved = tuple(each for part in parts for each in part.resolved)
    ctx.dialect.together(ctx, parts)
    raise Answered
