"""The options of webhooks: the table `[plugins.webhooks]` of the configuration file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from crossbar import Options


class WebhookOptions(Options, frozen=True):
    """How deliveries are sent, to whom, and how long is remembered what became of them; times in seconds."""

    deliver: bool = True
    """Whether this process sends; events are recorded in any case, for those that do."""
    timeout: Annotated[int, Meta(ge=1, le=120)] = 10
    """How long an attempt may take, from looking up the name to the head of the response."""
    connect_timeout: Annotated[int, Meta(ge=1, le=60)] = 5
    """How much of that may pass before the connection stands."""
    allow_private: bool = False
    """Whether addresses that are not public, such as 127.0.0.1, may be sent to."""
    ports: tuple[Annotated[int, Meta(ge=1, le=65535)], ...] = ()
    """The ports that may be sent to; if none is listed, 80, 443, and all from 1024 on."""
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 32
    """How many attempts this process makes at a time."""
    per_host: Annotated[int, Meta(ge=1, le=100)] = 4
    """How many of them go to one host."""
    poll: Annotated[int, Meta(ge=1, le=3600)] = 3
    """How often is looked for deliveries that are due again, or that another process has left."""
    backoff: Annotated[int, Meta(ge=1, le=3600)] = 10
    """The wait before the first retry; each one after it waits six times as long."""
    retry_after: Annotated[int, Meta(ge=0, le=86_400)] = 3600
    """The longest wait that a receiver's `Retry-After` can bring about."""
    disable_after: Annotated[int, Meta(ge=0, le=1000)] = 10
    """How many deliveries in a row have to be given up before a webhook is disabled; 0 disables none."""
    disable_window: Annotated[int, Meta(ge=60, le=604_800)] = 3600
    """The time within which they have to be given up."""
    keep: Annotated[int, Meta(ge=1, le=90)] = 7
    """How many days a delivery may wait, and the record of an attempt is kept."""
    attempts: Annotated[int, Meta(ge=10, le=10_000)] = 500
    """How many attempts of a webhook are kept at most, about."""
    per_account: Annotated[int, Meta(ge=1, le=100)] = 50
    """How many webhooks an account can have."""
    overlap: Annotated[int, Meta(ge=0, le=2_592_000)] = 86_400
    """How long deliveries are signed with the former secret too, once there is a new one."""
