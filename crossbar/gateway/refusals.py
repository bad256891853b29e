"""What the gateway refuses on its own, beside the errors that all of Crossbar has."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import Refusal


class BadGateway(Refusal):
    """The upstream gave no answer that can be passed on: refused, cut, garbled, too large (RFC 9110, 15.6.3).

    The word says which: `upstream_connect`, `upstream_reset`, `upstream_garbled`, `upstream_refused`.
    """

    status = 502
    word = "bad_gateway"
    message = "the service behind this address gave no answer that can be passed on"


class LoopDetected(Refusal):
    """The request has passed this gateway before (RFC 9110, 7.6.3, and RFC 5842, 7.2)."""

    status = 508
    word = "loop_detected"
    message = "the request has passed this gateway before: a route leads back to it"


class Upstreams(Refusal):
    """An error of an upstream, told in the dialect's form: its status, or 502 for one that is the upstream's own."""

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.status = status if status < 500 or status in (502, 503, 504) else 502  # type: ignore[misc]
        super().__init__(f"the service behind this address answered {status}", word="upstream_error", headers=headers)


class ClientClosed(Refusal):
    """The client has gone before there was an answer; nobody ever sees this status but the log."""

    status = 499
    word = "client_gone"
    message = "the client has gone"
