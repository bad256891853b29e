"""Creates that happen once: `Idempotency-Key`, by the HTTPAPI working group's draft of that name and as Stripe has it.

A client that got no answer cannot tell whether its create happened. With a key of its own choice it may simply send it
again: the same key and request give the same answer, another request under the same key is a 409.

What makes that certain is a record that is inserted by the very write that inserts the document (`writing.py`), with an
id made of the caller, the place and the key. Two requests with the same key can never both write, whether they run one
after the other, at once or in several processes, and wherever one of them is cut off. Whoever comes second is answered
from the record: with the reply that the operation gave, put into the words of this request (its own `request_id` and
token, none of which are kept), or, if the first one never came to that, with the document that it has made.

A create that writes in another way is recorded when it is done, so that two at once may both happen.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any

import orjson
from msgspec.structs import replace

from .context import Context
from .errors import BadIdentifier, BadRequest, Conflict, Refusal, StoreError
from .kept_replies import MOST_KEPT, NOT_KEPT, kept_of, place_of, rebuilt, restored, snapshot_of
from .negotiation import essence
from .reply import Reply
from .resource import Resource
from .roles import owned
from .stores import Body, Change, Document, Insert, Kind, Replace

logger = logging.getLogger("crossbar")

KIND = Kind("idempotency")
HEADER = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
"""The header field of an answer that was given before."""

PATIENCE = 2
"""Seconds in which somebody who writes the record is expected to have added the reply."""
_LOOK_EVERY = 0.02

_BARE = re.compile(r"[!#-~][!-~]{0,254}")
_QUOTED = re.compile(r'"((?:[!#-\[\]-~]|\\["\\]){1,255})"')  # a string of RFC 8941, section 3.3.3, without blanks


class Once:
    """A create that is to happen once: the place of its record, and how far it is.

    `claimed` says that the record was written together with the document, `replayed` that the answer was given before.
    """

    __slots__ = ("_fingerprint", "_id", "_record", "_tenant", "claimed", "plain", "replayed")

    def __init__(self, ctx: Context, key: str) -> None:
        caller = ctx.caller()
        path = [part for endpoint, args in ctx.resolved for part in (endpoint.name, *args)]
        self._tenant = caller.account_id
        scope = [caller.account_id, caller.user_id, ctx.tenant, path, key]
        self._id = sha256(orjson.dumps(scope)).hexdigest()
        self._fingerprint = sha256(orjson.dumps([path, *_asked(ctx)], option=orjson.OPT_SORT_KEYS)).hexdigest()
        self._record: Document | None = None
        self.plain = _is_plain(ctx)
        self.claimed = False
        self.replayed = False

    def claim(self, ctx: Context, changes: Sequence[Change]) -> list[Change]:
        """What is to be written before these changes, in the same write; nothing if they make no document."""
        made = _made(ctx, changes)
        if self.claimed or made is None:
            return []
        document = made.document
        # NOTE: what a Replace leaves is known when it is done; what an Insert writes is as it is given.
        whole = isinstance(made, Insert) and len(document.body) <= MOST_KEPT
        known = snapshot_of(document) if whole else place_of(document)
        return [Insert(self._recorded(ctx, {"document": known, "final": self.plain}))]

    async def answer(self, ctx: Context) -> bool:
        """Take the answer from the record into `ctx.reply`; False if there is no record.

        Conflict if the record is that of another request.
        """
        record = await self._found(ctx)
        if record is None:
            return False
        known = record.secrets()
        if known["fingerprint"] != self._fingerprint:
            raise Conflict(
                "the Idempotency-Key was used for another request: choose a new key for each create",
                word="idempotency_key_reused",
            )
        reply = known.get("reply")
        answer = restored(reply) if reply is not None else await rebuilt(ctx, known.get("document"))
        _refuse_foreign(ctx, answer)
        ctx.reply = answer
        ctx.response_headers.append(REPLAYED)
        self.replayed = True
        return True

    async def settle(self, ctx: Context) -> None:
        """Keep the reply, where the record does not say all of it; what fails here leaves a record that says less."""
        reply = ctx.reply if isinstance(ctx.reply, Reply) else Reply(ctx.reply)
        if reply.status >= 400 or (self.claimed and self.plain):
            return
        kept = kept_of(reply)
        if kept is None and not self.claimed:
            return
        known: Body = {"reply": kept} if kept is not None else {"final": True}
        record = self._record
        try:
            if record is not None and self.claimed:
                known |= {"document": record.secrets()["document"]}
                await ctx.app.store.write([Replace(self._recorded(ctx, known))])
            else:
                await ctx.app.store.write([Insert(self._recorded(ctx, known))])
        except StoreError as error:
            logger.warning("the reply to an Idempotency-Key was not kept: %s (request %s)", error, ctx.request_id)

    def _recorded(self, ctx: Context, known: Body) -> Document:
        """The record with what is known so far."""
        now = ctx.now
        self._record = Document.of(
            self._tenant, KIND.name, self._id, {}, now, {"fingerprint": self._fingerprint, **known}
        )
        self._record = replace(self._record, expires=now + ctx.app.settings.limits.idempotency_seconds)
        return self._record

    async def _found(self, ctx: Context) -> Document | None:
        """The record; for as long as it is that of a request which may still be running, wait for the reply."""
        record = await ctx.app.store.get(self._tenant, KIND.name, self._id)
        waited = 0.0
        while record is not None and waited < PATIENCE and ctx.now - record.created <= PATIENCE:
            known = record.secrets()
            if known.get("final") or "reply" in known:
                break
            await asyncio.sleep(_LOOK_EVERY)
            waited += _LOOK_EVERY
            record = await ctx.app.store.get(self._tenant, KIND.name, self._id)
        return record


def is_create(ctx: Context) -> bool:
    """Whether a key means something to this request: a create by somebody who is known.

    Endpoints that vouch for callers themselves are left out: what they answer is a token, which is kept nowhere.
    """
    bound = ctx.bound
    if bound is None or bound.endpoint.raw or "authenticate" in bound.endpoint.overrides:
        return False
    if ctx.principal is None or not ctx.principal.account_id:
        return False
    operation = bound.route.operation
    return operation == "create" or (operation is None and ctx.verb == ctx.dialect.verbs["create"])


async def validate_once(ctx: Context, validate: Callable[[Context], Awaitable[None]] | None) -> None:
    """Look whether this create has happened, and validate it if not; BadRequest if the key is malformed."""
    once = ctx.once = Once(ctx, key_of(ctx))
    if not await once.answer(ctx) and validate is not None:
        await _unless_answered(ctx, once, validate)


async def execute_once(ctx: Context, once: Once, execute: Callable[[Context], Awaitable[None]]) -> None:
    """Carry a create out, unless it has happened, and keep its reply."""
    if once.replayed:
        return
    await _unless_answered(ctx, once, execute)
    if not once.replayed:
        await once.settle(ctx)


def key_of(ctx: Context) -> str:
    """The key, with or without the quotation marks of a structured field; BadRequest if it is none."""
    value = ctx.header(HEADER) or ""
    quoted = _QUOTED.fullmatch(value)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value
    if sum(name == HEADER for name, _ in ctx.scope["headers"]) != 1 or not (quoted or _BARE.fullmatch(value)):
        raise BadRequest(
            "Idempotency-Key must stand once, and be 1 to 255 visible ASCII characters, in quotation marks or not",
            word="bad_idempotency_key",
            cause=value[:300],
        )
    return key


async def _unless_answered(ctx: Context, once: Once, step: Callable[[Context], Awaitable[None]]) -> None:
    """Take a step; if it is refused because the same create has just happened, take the answer of that one."""
    try:
        await step(ctx)
    except (Refusal, StoreError):
        # NOTE: what this request has written itself is no answer of somebody else's.
        if once.claimed or not await once.answer(ctx):
            raise


def _asked(ctx: Context) -> list[Any]:
    """What is asked for, in a form in which equal requests are equal, however they are spelled."""
    query = {name: value for name, value in ctx.query.items() if name not in NOT_KEPT}
    sent: Any
    if ctx.files:
        files = [[file.slot.name, file.name, file.content_type, file.blob.sha256] for file in ctx.files]
        sent = [ctx.body, files]
    elif ctx.envelope:
        sent = {name: value for name, value in ctx.envelope.items() if name not in NOT_KEPT}
    else:
        sent = sha256(ctx.raw_body).hexdigest()
    return [ctx.verb, essence(ctx.header(b"content-type") or ""), query, sent]


def _is_plain(ctx: Context) -> bool:
    """Whether the answer is the document as it is written, with nothing that could make another one of it."""
    bound, hooks = ctx.bound, ctx.registry.hooks
    if bound is None or bound.route.operation != "create" or (hooks is not None and hooks.surround(bound)):
        return False
    return getattr(type(bound.endpoint), "create", None) is Resource.create


def _made(ctx: Context, changes: Sequence[Change]) -> Insert | Replace | None:
    """What makes the document, among all changes of a create: of the endpoint's own kind, if there is such a one."""
    endpoint = ctx.bound.endpoint if ctx.bound is not None else None
    kind = getattr(endpoint, "kind", endpoint.name if endpoint is not None else "")
    made: list[Insert | Replace] = [change for change in changes if isinstance(change, Insert)]
    made += [change for change in changes if isinstance(change, Replace)]
    own = [change for change in made if change.document.kind == kind]
    return next(iter((*own, *made)), None)


def _refuse_foreign(ctx: Context, reply: Reply) -> None:
    """Raise BadIdentifier if the answer shows a document that is not the caller's to see any more."""
    answer = reply.answer
    endpoint = ctx.bound.endpoint if ctx.bound is not None else None
    if isinstance(answer, Document) and getattr(endpoint, "kind", None) != answer.kind:
        endpoint = ctx.registry.names.get(answer.kind)
    if isinstance(answer, Document) and endpoint is not None and not owned(ctx, endpoint.owner, answer):
        raise BadIdentifier(cause=answer.id)
