"""Switching webhooks off when nobody answers, and on again."""

from __future__ import annotations

import logging

from crossbar import Body, CrossbarError, Document, Replace, Store, enabled

from .deliveries import Delivery
from .listeners import WEBHOOKS, restamped

logger = logging.getLogger("crossbar.webhooks")

REASON = "disable_reason"
_TRIES = 3


async def disable(store: Store, delivery: Delivery, reason: str) -> None:
    """Switch off the webhook of a delivery; the reason is shown with it."""
    for _ in range(_TRIES):
        webhook = await store.get(delivery.account_id, WEBHOOKS, delivery.webhook_id)
        if webhook is None or not enabled(webhook):
            return
        switched_off = webhook.with_data(webhook.data() | {"enabled": False, REASON: reason})
        try:
            await store.write([Replace(switched_off), *restamped()])
        except CrossbarError:
            continue  # Somebody edited it meanwhile.
        told = "webhook %s of account %s was disabled: %s"
        logger.warning(told, delivery.webhook_id, delivery.account_id, reason)
        return


def enabled_again(webhook: Document, now: int) -> Document:
    """A webhook that was switched off by `disable`, switched on; failures before now count no more."""
    data: Body = {key: value for key, value in webhook.data().items() if key != REASON}
    return webhook.with_data(data | {"enabled": True}).with_secrets(webhook.secrets() | {"enabled_at": now})
