"""The errors of Crossbar, as one tree; each refusal knows its status, word and message.

    CrossbarError
    ├── Refusal                     the request is answered with an error
    │   ├── Redirected              308  permanent_redirect, with Location
    │   ├── BadRequest              400  bad_request
    │   │   └── InvalidData         400  validation_error; every field that breaks a rule
    │   │       └── InvalidEnvelope 400  invalid_envelope; the request body is not an envelope
    │   ├── TokenRefused            400  invalid_request and the other words of RFC 6749, 5.2
    │   │   └── ClientRefused       401  invalid_client, with WWW-Authenticate if the client came with Basic
    │   ├── Unauthorized            401  invalid_credentials
    │   │   └── TokenExpired        401  invalid_credentials; the token was good once
    │   ├── Forbidden               403  forbidden
    │   ├── NotFound                404  not_found
    │   │   └── BadIdentifier       404  bad_identifier
    │   ├── MethodNotAllowed        405  invalid_method, with Allow
    │   ├── NotAcceptable           406  not_acceptable
    │   ├── RequestTimeout          408  request_timeout
    │   ├── Conflict                409  datastore_conflict
    │   │   └── Changed             409  datastore_conflict; somebody else changed the document meanwhile
    │   ├── PreconditionFailed      412  precondition_failed
    │   ├── ContentTooLarge         413  content_too_large
    │   ├── UriTooLong              414  uri_too_long
    │   ├── UnsupportedMediaType    415  unsupported_media_type
    │   ├── RangeNotSatisfiable     416  range_not_satisfiable, with Content-Range
    │   ├── TooManyRequests         429  too_many_requests, with Retry-After
    │   ├── HeadersTooLarge         431  headers_too_large
    │   ├── Fault                   500  unspecified_fault; a crash of ours
    │   ├── Unavailable             503  unavailable, with Retry-After
    │   └── TimedOut                504  timeout; an endpoint, or the store, took too long
    ├── StoreError                  a store could not do what was asked
    │   ├── DocumentMissing         there is no such document
    │   ├── RevisionConflict        the document is not at the expected revision
    │   ├── UniqueConflict          a unique field already has this value
    │   ├── GuardFailed             what a write depends on is not so
    │   ├── BlobMissing             there is no such blob
    │   ├── Occupied                the place of a document that is to be restored is taken
    │   ├── StoreUnavailable        the store cannot be reached, opened or written
    │   └── StoreOverdue            the store took longer than it may
    ├── DefinitionError             an endpoint class is not well formed
    ├── RegistrationError           an endpoint cannot join the registry
    ├── PluginError                 a plugin cannot be loaded, stopped or started
    ├── SchemaError                 a JSON Schema cannot be used
    └── SettingsError               the configuration is wrong, every fault listed

The words are the ones that Kazoo's clients know; see the table of system errors in the Crossbar reference, 3.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


class CrossbarError(Exception):
    """The root of all errors that Crossbar raises on purpose."""


class Refusal(CrossbarError):
    """A request that is answered with an error.

    `message` is the sentence for the client, `cause` the value that led to it, `details` more
    facts as a JSON object, and `headers` what the response must carry.
    """

    status: ClassVar[int] = 400
    word: str = "bad_request"
    message: str = "bad request"

    def __init__(
        self,
        message: str | None = None,
        *,
        word: str | None = None,
        cause: Any = None,
        details: dict[str, Any] | None = None,
        headers: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        if message is not None:
            self.message = message
        if word is not None:
            self.word = word
        self.cause = cause
        self.details = details
        self.headers = tuple(headers)
        super().__init__(self.message)


class Redirected(Refusal):
    """The same request, with its method and body, belongs to another path (RFC 9110, 15.4.9)."""

    status = 308
    word = "permanent_redirect"

    def __init__(self, location: str) -> None:
        super().__init__(f"the path is {location}", headers=((b"location", location.encode("latin-1")),))


class BadRequest(Refusal):
    """Something in the request breaks a rule of the protocol; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that one field breaks.

    `path` holds the keys and array positions that lead to the field; `code` is the rule's word
    (`required`, `type`, `unique`, ...); `target` what the rule wanted, `cause` what it looked at.
    """

    path: tuple[str | int, ...]
    code: str
    message: str
    target: Any = None
    cause: Any = None
    value: Any = None


class InvalidData(BadRequest):
    """Fields of the data break rules; all of them are listed in `violations`.

    `InvalidData("mac_address", "format", "not a MAC address")` is the short form for one field,
    in which dots in the name lead into nested objects.
    """

    word = "validation_error"
    message = "validation error"

    def __init__(
        self,
        field: str | Sequence[Violation],
        code: str = "invalid",
        message: str = "the value is invalid",
        *,
        target: Any = None,
        cause: Any = None,
        value: Any = None,
    ) -> None:
        super().__init__()
        self.violations: tuple[Violation, ...]
        if isinstance(field, str):
            path = tuple(field.split("."))
            self.violations = (Violation(path, code, message, target, cause, value),)
        else:
            self.violations = tuple(field)


class InvalidEnvelope(InvalidData):
    """The request body is not the JSON object that the dialect expects."""

    word = "invalid_envelope"
    message = "invalid request envelope"


class TokenRefused(Refusal):
    """A client of OAuth 2.0 gets no token; the word is the error code of RFC 6749, 5.2, the message its description."""

    word = "invalid_request"
    message = "the token request is malformed"


class ClientRefused(TokenRefused):
    """Nobody knows the client, or its secret is wrong; with `basic`, it is asked for another `Authorization: Basic`."""

    status = 401
    word = "invalid_client"
    message = "the client is unknown, disabled, or did not prove who it is"

    def __init__(self, *, basic: bool = False) -> None:
        super().__init__(headers=((b"www-authenticate", b'Basic realm="oauth"'),) if basic else ())


class Unauthorized(Refusal):
    """Nobody could tell who is asking, or the credentials are wrong, expired or revoked."""

    status = 401
    word = "invalid_credentials"
    message = "invalid credentials"


class TokenExpired(Unauthorized):
    """The token has come to its end; logging in again, or refreshing it, brings another one."""

    message = "the token has expired: log in again"


class Forbidden(Refusal):
    """The caller is known and may not do this."""

    status = 403
    word = "forbidden"
    message = "forbidden"


class NotFound(Refusal):
    """The path names nothing."""

    status = 404
    word = "not_found"
    message = "not found"


class BadIdentifier(NotFound):
    """An id in the path belongs to no document that the caller can see."""

    word = "bad_identifier"
    message = "bad identifier"


class MethodNotAllowed(Refusal):
    """The path names something that does not answer to this verb; `allow` lists those that it does."""

    status = 405
    word = "invalid_method"
    message = "method not allowed"

    def __init__(self, allow: str) -> None:
        super().__init__(details={"allow": allow}, headers=((b"allow", allow.encode()),))


class NotAcceptable(Refusal):
    """None of the media types that the client accepts is offered here."""

    status = 406
    word = "not_acceptable"
    message = "none of the accepted media types is offered here"


class RequestTimeout(Refusal):
    """The request did not arrive in time."""

    status = 408
    word = "request_timeout"
    message = "the request did not arrive in time"


class Conflict(Refusal):
    """The request does not fit the present state, for example because somebody else changed it."""

    status = 409
    word = "datastore_conflict"
    message = "conflicting documents"


class Changed(Conflict):
    """Somebody else changed the document between reading and writing it; reading and writing it again may help."""

    message = "somebody else changed the document meanwhile: read it again and repeat the change"


class PreconditionFailed(Refusal):
    """`If-Match` names another revision than the present one (RFC 9110, 13.1.1)."""

    status = 412
    word = "precondition_failed"
    message = "the document is not at the revision that If-Match names"


class ContentTooLarge(Refusal):
    """The request body is over its limit."""

    status = 413
    word = "content_too_large"
    message = "the request body is too large"


class UriTooLong(Refusal):
    """The request target is over its limit."""

    status = 414
    word = "uri_too_long"
    message = "the request target is too long"


class UnsupportedMediaType(Refusal):
    """The request body has a content type that is not accepted here."""

    status = 415
    word = "unsupported_media_type"
    message = "the content type of the request body is not accepted here"


class RangeNotSatisfiable(Refusal):
    """None of the ranges lies within the `size` bytes that there are (RFC 9110, 15.5.17)."""

    status = 416
    word = "range_not_satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(
            f"there are {size} bytes, and none of the ranges lies among them",
            headers=((b"content-range", b"bytes */%d" % size), (b"accept-ranges", b"bytes")),
        )


class TooManyRequests(Refusal):
    """The caller has asked too often; `retry` is after how many whole seconds it may ask again (RFC 6585, 4)."""

    status = 429
    word = "too_many_requests"
    message = "too many requests: wait and try again"

    def __init__(self, message: str | None = None, *, retry: int = 1, cause: Any = None) -> None:
        super().__init__(message, cause=cause, headers=((b"retry-after", b"%d" % max(retry, 1)),))


class HeadersTooLarge(Refusal):
    """The header fields are too many or too long (RFC 6585, 5)."""

    status = 431
    word = "headers_too_large"
    message = "the request headers are too many or too large"


class Fault(Refusal):
    """Something of ours crashed; the log has the traceback under the request id."""

    status = 500
    word = "unspecified_fault"
    message = "an internal error occurred; the request id leads to it in the log"


class Unavailable(Refusal):
    """Something that the request needs cannot be had now; `Retry-After` says when to come back."""

    status = 503
    word = "unavailable"
    message = "the service is temporarily unavailable"

    def __init__(self, message: str | None = None, *, word: str | None = None, retry: int = 5) -> None:
        super().__init__(message, word=word, headers=((b"retry-after", b"%d" % retry),))


class TimedOut(Refusal):
    """An endpoint did not answer within `limits.handler_seconds`; what it had not finished was cancelled."""

    status = 504
    word = "timeout"
    message = "the request took too long and was cancelled"


class StoreError(CrossbarError):
    """A store could not do what was asked."""


class DocumentMissing(StoreError):
    """There is no such document, or it was deleted."""

    def __init__(self, tenant: str, kind: str, id: str) -> None:
        super().__init__(f"no {kind} {id!r} in tenant {tenant!r}")
        self.tenant, self.kind, self.id = tenant, kind, id


class RevisionConflict(StoreError):
    """The document is at revision `current`, not at the one that the write was made for."""

    def __init__(self, kind: str, id: str, expected: int | None, current: int) -> None:
        super().__init__(f"{kind} {id!r} is at revision {current}, not {expected}")
        self.kind, self.id, self.expected, self.current = kind, id, expected, current


class UniqueConflict(StoreError):
    """Another document of the tenant already has this value in the unique field `field` (`id` included)."""

    def __init__(self, kind: str, field: str) -> None:
        super().__init__(f"{kind}: the value of {field!r} is already in use")
        self.kind, self.field = kind, field


class GuardFailed(StoreError):
    """What a write depends on is not so; `guard` is the Guard that said no."""

    def __init__(self, guard: object) -> None:
        super().__init__("what the write depends on is not so")
        self.guard = guard


class BlobMissing(StoreError):
    """The tenant keeps no such blob, or it was destroyed."""

    def __init__(self, tenant: str, id: str) -> None:
        super().__init__(f"no blob {id!r} in tenant {tenant!r}")
        self.tenant, self.id = tenant, id


class Occupied(StoreError):
    """A document cannot be restored: its id, or a value of a unique field, is that of something else in the store."""

    def __init__(self, message: str, tenant: str, kind: str, id: str) -> None:
        super().__init__(message)
        self.tenant, self.kind, self.id = tenant, kind, id


class StoreUnavailable(StoreError):
    """The store cannot be reached, opened or written; the message names it and the way out."""


class StoreOverdue(StoreError):
    """The store took longer than it may; with `begun`, a write may have been carried out all the same."""

    def __init__(self, message: str, *, begun: bool = False) -> None:
        super().__init__(message)
        self.begun = begun


class DefinitionError(CrossbarError, TypeError):
    """An endpoint class is not well formed; the message names the class, the method and the remedy."""


class RegistrationError(CrossbarError):
    """An endpoint cannot join the registry; the message names both sides."""


class PluginError(CrossbarError):
    """A plugin cannot be loaded, stopped or started; the message names it, the reason and the way out."""


class SchemaError(CrossbarError, ValueError):
    """A JSON Schema cannot be used; the message names it and the place in it."""


class SettingsError(CrossbarError):
    """The configuration is wrong; `faults` lists every fault with its key."""

    def __init__(self, faults: Sequence[str], source: str = "settings") -> None:
        self.faults = tuple(faults)
        self.source = source
        super().__init__(f"{source}: " + "; ".join(self.faults))
