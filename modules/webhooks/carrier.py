"""The carrier: makes one attempt at a delivery, and writes down what became of it.

It is loaded with the first delivery, and with it all that only deliveries need, the HTTP client above all.
"""

from __future__ import annotations

import logging
import random

from crossbar import Change, Crossbar, CrossbarError, Document, enabled

from .attempts import Attempts
from .deliveries import Delivery
from .guard import Refused
from .listeners import WEBHOOKS
from .messages import Message, message
from .options import WebhookOptions
from .schedule import Outcome, wait
from .transport import Transport
from .upkeep import disable

logger = logging.getLogger("crossbar.webhooks")

RETRIES = 2
"""How many there are if the webhook does not say, as its schema has it."""


class Carrier:
    """Carries deliveries to their receivers."""

    def __init__(self, app: Crossbar, options: WebhookOptions) -> None:
        self._app = app
        self._options = options
        self._attempts = Attempts(app.store, options)
        self._transport = Transport(options)

    async def carry(self, delivery: Delivery) -> None:
        """Make an attempt at a delivery that was claimed; what goes wrong on our side is only logged."""
        try:
            await self._deliver(delivery)
        except CrossbarError as error:
            logger.warning("%s: it is sent again, because its end could not be written: %s", _named(delivery), error)
        except Exception:
            logger.exception("%s: it is sent again after a crash", _named(delivery))

    async def close(self) -> None:
        """Let go of all connections."""
        await self._transport.close()

    async def _deliver(self, delivery: Delivery) -> None:
        webhook = await self._app.store.get(delivery.account_id, WEBHOOKS, delivery.webhook_id)
        if webhook is None or await self._app.tenants.account(delivery.account_id) is None:
            await self._app.store.write([delivery.removed()])
        elif not enabled(webhook):
            await self._record(delivery, None, Outcome(reason="webhook disabled"), [delivery.removed()])
        else:
            await self._attempt(delivery, webhook)

    async def _attempt(self, delivery: Delivery, webhook: Document) -> None:
        sent, outcome = await self._sent(delivery, webhook)
        made = delivery.made + 1
        left = max(0, webhook.data().get("retries", RETRIES) + 1 - made)
        if outcome.delivered or outcome.gone or not left:
            left = 0
            changes: list[Change] = [delivery.removed()]
        else:
            pause = wait(made, outcome, self._options, random.random())  # noqa: S311
            changes = list(delivery.moved(self._now() + pause, made))
        await self._record(delivery, sent, outcome, changes, left)
        if outcome.delivered:
            return
        told = outcome.error or f"status {outcome.status}"
        logger.info("%s failed, %d retries left: %s (%s)", _named(delivery), left, outcome.reason, told)
        if outcome.gone:
            await disable(self._app.store, delivery, "the receiver answered 410 Gone")
        elif not left:
            await self._disable_if_hopeless(delivery, webhook)

    async def _sent(self, delivery: Delivery, webhook: Document) -> tuple[Message | None, Outcome]:
        """What was sent, if it came to that, and how it ended."""
        made: Message | None = None
        try:
            made = message(webhook, delivery, self._now(), self._options)
            return made, await self._transport.send(made)
        except Refused as refused:
            return None, Outcome(reason="refused address", error=str(refused))
        except Exception:
            # It counts as an attempt, so that what cannot be sent is given up some day.
            logger.exception("%s crashed", _named(delivery))
            return made, Outcome(reason="crash")

    async def _record(
        self, delivery: Delivery, sent: Message | None, outcome: Outcome, changes: list[Change], left: int = 0
    ) -> None:
        record = self._attempts.record(delivery, sent, outcome, left, self._now())
        await self._app.store.write([*changes, record])
        await self._attempts.written(delivery.account_id, delivery.webhook_id)

    async def _disable_if_hopeless(self, delivery: Delivery, webhook: Document) -> None:
        """Disable a webhook whose deliveries were given up too often in a row."""
        most = self._options.disable_after
        since = max(self._now() - self._options.disable_window, webhook.secrets().get("enabled_at", -1) + 1)
        ids = delivery.account_id, delivery.webhook_id
        if most and await self._attempts.given_up_in_a_row(*ids, since, most) >= most:
            await disable(self._app.store, delivery, "too many failed attempts")

    def _now(self) -> int:
        return int(self._app.clock())


def _named(delivery: Delivery) -> str:
    return f"delivery {delivery.id} of webhook {delivery.webhook_id} of account {delivery.account_id}"
