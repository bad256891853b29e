"""What became of deliveries: the record of each attempt, for the account that owns the webhook."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from crossbar import Body, CrossbarError, Delete, Document, Insert, Kind, Query, Store, gregorian, new_id, where

from .deliveries import Delivery, expiry
from .options import WebhookOptions

if TYPE_CHECKING:
    from .messages import Message
    from .schedule import Outcome

ATTEMPTS = Kind("webhook_attempts", indexes=("hook_id",))
SUCCESS, FAILURE = "success", "failure"
TRIM_EVERY = 50
_BATCH = 500
_COUNTED = 10_000


class Attempts:
    """The records of attempts: written, read for the failures in a row, and cut short."""

    def __init__(self, store: Store, options: WebhookOptions) -> None:
        self._store = store
        self._options = options
        self._written: Counter[str] = Counter()

    def record(self, delivery: Delivery, message: Message | None, outcome: Outcome, left: int, now: int) -> Insert:
        """The change that records an attempt after which so many retries are left."""
        body: Body = {
            "hook_id": delivery.webhook_id,
            "event_id": delivery.id,
            "hook_event": delivery.facts["hook_event"],
            "result": SUCCESS if outcome.delivered else FAILURE,
            "timestamp": gregorian(now),
        }
        if message is not None:
            body |= {"method": message.method, "uri": message.shown, "duration_ms": outcome.milliseconds}
        if outcome.status is not None:
            body["response_code"] = outcome.status
        if not outcome.delivered:
            body |= {"reason": outcome.reason, "retries_left": left}
        if outcome.error:
            body["client_error"] = outcome.error
        made = Document.of(delivery.account_id, ATTEMPTS.name, new_id(), body, now)
        expires = expiry(now, self._options.keep)
        return Insert(Document(made.tenant, made.kind, made.id, made.body, now, now, expires=expires))

    async def given_up_in_a_row(self, account_id: str, webhook_id: str, since: int, most: int) -> int:
        """How many deliveries were given up since a time, after the last success; not counted beyond `most`."""
        count, start = 0, None
        while count < most:
            rows = await self._store.page(self._of(account_id, webhook_id, _BATCH, start, since))
            for row in rows.parsed():
                if row["result"] == SUCCESS:
                    return count
                count += row["retries_left"] == 0
            start = rows.next
            if start is None:
                break
        return min(count, most)

    async def written(self, account_id: str, webhook_id: str) -> None:
        """Take note of a record that was written; now and then those beyond the number that is kept are destroyed."""
        if len(self._written) > _COUNTED:
            self._written.clear()
        self._written[webhook_id] += 1
        if self._written[webhook_id] % TRIM_EVERY == 0:
            await self._trim(account_id, webhook_id)

    async def _trim(self, account_id: str, webhook_id: str) -> None:
        kept = await self._store.page(self._of(account_id, webhook_id, self._options.attempts))
        start = kept.next
        while start is not None:
            rows = await self._store.page(self._of(account_id, webhook_id, _BATCH, start))
            gone = [Delete(account_id, ATTEMPTS.name, row["id"], purge=True) for row in rows.parsed()]
            try:
                await self._store.write(gone)
            except CrossbarError:
                return  # Another process is at it.
            start = rows.next

    def _of(
        self, account_id: str, webhook_id: str, limit: int, start: str | None = None, since: int | None = None
    ) -> Query:
        """The attempts of one webhook, the newest first."""
        filters = (where("hook_id", webhook_id),)
        return Query(account_id, ATTEMPTS.name, filters, start=start, limit=limit, full=True, created_from=since)
