"""Webhooks: requests to servers of an account's own whenever something happens to its documents.

A walk through it: `events` says what a change means, `listeners` who wants to know; the hook below writes a delivery
for each of them together with the change (`deliveries`). The `courier` claims what is due and the `carrier` takes it:
`messages` says what is sent and `signing` signs it, `guard` says where nothing may be sent, `transport` sends it. What
follows from the outcome is in `schedule`; `attempts` has the record, and `upkeep` switches off what nobody answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from crossbar import (
    Answer,
    Body,
    Change,
    Conflict,
    Context,
    Crossbar,
    Document,
    Forbidden,
    InvalidData,
    Json,
    Kind,
    Page,
    Query,
    Replace,
    Reply,
    Resource,
    Violation,
    action,
    after,
    created,
    enabled,
    listing,
    where,
    within,
    write,
)

from .attempts import ATTEMPTS
from .courier import Courier
from .deliveries import DELIVERIES, expiry, outgoing
from .events import ACTIONS, ALL, OBJECT, happened, known_types, modifiers, samples
from .listeners import AT_ONCE, STAMPS, WEBHOOKS, Listeners, concern_webhooks, ensure_stamp, restamped
from .options import WebhookOptions
from .signing import key_of, new_secret
from .upkeep import REASON, enabled_again

SAMPLE = "webhooks_object"
RE_ENABLE = "re-enable"
_WRITTEN = "crossbar.webhooks"
"""The key of a request's scope under which are the hosts that it has written deliveries for."""


class Webhooks(Resource):
    """Who is told of what happens to an account's documents."""

    name = WEBHOOKS
    anywhere = True  # what webhooks there can be is told outside of accounts too
    schema = "webhooks"
    summary = ("name", "hook", "uri", "enabled", REASON)
    admin_only = ("*",)
    options: WebhookOptions = WebhookOptions()

    def __init__(self) -> None:
        self._listeners: Listeners | None = None
        self.courier: Courier | None = None

    def kinds(self) -> tuple[Kind, ...]:
        """Webhooks, what is to be sent for them, what became of it, and what tells that one of them has changed."""
        return (*super().kinds(), DELIVERIES, ATTEMPTS, STAMPS)

    @asynccontextmanager
    async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
        """Send deliveries while the server runs."""
        await ensure_stamp(app.store)
        if not self.options.deliver:
            yield
            return
        self.courier = Courier(app, self.options)
        try:
            async with self.courier.at_work():
                yield
        finally:
            self.courier = None

    # Events.

    @within("*")
    async def record(self, ctx: Context, changes: Sequence[Change]) -> Sequence[Change]:
        """Write a delivery for everybody who wants to know of these changes, together with them."""
        added: list[Change] = []
        if self._listeners is None:
            self._listeners = Listeners(ctx.app.store)
        for event in happened(changes, ctx.registry, ctx.now, silent=WEBHOOKS, found=ctx.found):
            above = await ctx.app.tenants.ancestors(event.account_id) if event.tree is None else event.tree
            expires = expiry(ctx.now, self.options.keep)
            for found in await self._listeners.of(event, above):
                ids = found.account_id, found.webhook_id
                added.append(outgoing(*ids, found.host, event.facts(), ctx.now, expires))
                ctx.scope.setdefault(_WRITTEN, set()).add(found.host)
        return [*added, *restamped()] if concern_webhooks(changes) else added

    # NOTE: not after everything, since readers would pay for it. What other actions have written, the next look finds.
    @after("*.create", "*.replace", "*.patch", "*.delete", "accounts.create_below", required=False)
    async def send(self, ctx: Context, reply: Reply) -> None:
        """Have the courier look for what this request has written."""
        if _WRITTEN in ctx.scope and self.courier is not None:
            self.courier.wake(ctx.scope[_WRITTEN])

    # Documents.

    async def authorize(self, ctx: Context) -> None:
        """Outside of accounts there is only what everybody may know: the hooks that there are, and samples."""
        if ctx.tenant is None and (ctx.verb != "GET" or ctx.bound is None or ctx.bound.route.name not in _PUBLIC):
            raise Forbidden("webhooks belong to an account: begin the path with an account")

    async def validate(self, ctx: Context) -> None:
        """Check what a schema cannot say: whether anything may be sent to the URI, and which events are limited to."""
        if ctx.found is None and ctx.bound is not None and ctx.bound.route.operation == "patch":
            _check_enabling(ctx.body)
            return
        await super().validate(ctx)
        body = ctx.body
        violations = [*self._wrong_place(ctx, body), *_wrong_secret(body), *_wrong_limits(ctx, body)]
        if violations:
            raise InvalidData(violations)
        # Why it was switched off is ours to say, and holds until it is switched on.
        body.pop(REASON, None)
        reason = ctx.found.data().get(REASON) if ctx.found is not None else None
        if reason and not body.get("enabled", True):
            body[REASON] = reason

    async def find(self, ctx: Context) -> Answer:
        """The webhooks of the account; outside of accounts, those that there can be."""
        if ctx.tenant is not None:
            return await super().find(ctx)
        told = "Receive notifications when documents are created, edited or deleted"
        kind: Body = {"id": OBJECT, "name": "Object", "description": told, "modifiers": modifiers(ctx.registry)}
        return Page.of([kind])

    async def create(self, ctx: Context) -> Reply | Answer:
        """Store a new webhook. The answer, and no other one, shows its secret."""
        most = self.options.per_account
        rows = await ctx.app.store.page(Query(self.tenant(ctx), self.name, limit=most))
        if rows.count >= most:
            raise Conflict(f"the account has {most} webhooks, which is all that it can have: delete one first")
        secret = ctx.body.pop("secret", None) or new_secret()
        return _showing(await self.insert(ctx, ctx.body, {"secret": secret}), secret)

    async def replace(self, ctx: Context, id: str) -> Reply | Answer:
        """Put the body in the place of the webhook's; a secret in it takes the place of the present one."""
        webhook = ctx.document()
        secret = ctx.body.pop("secret", None)
        if secret:
            webhook = self._with_secret(webhook, secret, ctx.now)
        if not enabled(webhook) and ctx.body.get("enabled", True):
            webhook = enabled_again(webhook, ctx.now)
        ctx.found = webhook
        return await super().replace(ctx, id)

    async def patch(self, ctx: Context, id: str = "") -> Reply | Answer:
        """Store the merged webhook; for all of them, switch on those that were switched off for their failures."""
        return await super().patch(ctx, id) if id else await self._enable(ctx)

    @action("PUT {id}/secret")
    async def rotate(self, ctx: Context, id: str) -> Reply:
        """A new secret; for a while deliveries are signed with the former one too. The answer shows it."""
        secret = new_secret()
        webhook = self._with_secret(ctx.document(), secret, ctx.now)
        return created(_showing(await self.store(ctx, webhook), secret))

    # Attempts and samples.

    @action("GET attempts")
    async def attempts(self, ctx: Context) -> Answer:
        """What became of deliveries, for all webhooks of the account, the newest first."""
        return await listing(ctx, ctx.home(), ATTEMPTS.name)

    @action("GET {id}/attempts")
    async def attempts_of(self, ctx: Context, id: str) -> Answer:
        """What became of deliveries, for one webhook."""
        return await listing(ctx, ctx.home(), ATTEMPTS.name, where("hook_id", id))

    @action("GET samples")
    async def samples(self, ctx: Context) -> Json:
        """The names of the samples that there are."""
        return [SAMPLE]

    @action(f"GET samples/{SAMPLE}")
    async def sample(self, ctx: Context) -> Answer:
        """What is sent to webhooks for documents."""
        return Page.of(samples())

    # What they need.

    def _with_secret(self, webhook: Document, secret: str, now: int) -> Document:
        """The webhook with another secret; the present one becomes the former."""
        private = webhook.secrets()
        former = private.get("secret")
        if former and former != secret:
            private |= {"former": former, "former_until": now + self.options.overlap}
        return webhook.with_secrets(private | {"secret": secret})

    async def _enable(self, ctx: Context) -> str:
        query = Query(self.tenant(ctx), self.name, limit=AT_ONCE, full=True)
        off = [webhook for webhook in await ctx.app.store.find(query) if REASON in webhook.data()]
        if off:
            await write(ctx, *[Replace(enabled_again(webhook, ctx.now)) for webhook in off])
        return "hooks updated"

    def _wrong_place(self, ctx: Context, body: Body) -> Iterator[Violation]:
        """Refuse a URI that nothing is sent to; the one that is there may stay, for who switches the webhook off."""
        if not body.get("enabled", True) and ctx.found is not None and ctx.found.data().get("uri") == body["uri"]:
            return
        # PERF: the tables of addresses are made when somebody makes a webhook.
        from .guard import Refused, place

        try:
            place(body["uri"], self.options)
        except Refused as refused:
            yield Violation(("uri",), "forbidden", str(refused), value=body["uri"])


_PUBLIC = frozenset({"find", "samples", "sample"})


def _showing(webhook: Document, secret: str) -> Document:
    """The webhook as it is shown to who has just made its secret."""
    return webhook.with_data(webhook.data() | {"secret": secret})


def _wrong_secret(body: Body) -> Iterator[Violation]:
    if "secret" in body:
        try:
            key_of(body["secret"])
        except ValueError as error:
            yield Violation(("secret",), "pattern", str(error))


def _wrong_limits(ctx: Context, body: Body) -> Iterator[Violation]:
    """Refuse limits that no event could ever meet."""
    custom = body.get("custom_data", {}) if body["hook"] == OBJECT else {}
    for key, known in (("type", known_types(ctx.registry)), ("action", {ALL, *ACTIONS})):
        if key in custom and custom[key] not in known:
            offered = sorted(known)
            told = f"Value not found in enumerated list of values: {', '.join(offered)}"
            yield Violation(("custom_data", key), "enum", told, offered, custom[key], custom[key])


def _check_enabling(body: Body) -> None:
    """The one thing that can be said to all webhooks at once."""
    if RE_ENABLE not in body:
        raise InvalidData(RE_ENABLE, "required", f"Field is required but missing: {RE_ENABLE}")
    if body[RE_ENABLE] not in (True, "true"):
        told = "Value not found in enumerated list of values: true"
        raise InvalidData(RE_ENABLE, "enum", told, target=[True], cause=body[RE_ENABLE], value=body[RE_ENABLE])
