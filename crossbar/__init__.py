"""Crossbar: a generic routing framework for REST APIs, in the manner of Kazoo's Crossbar.

Every public name stands here, and is loaded from its file when it is first used: who needs the tokenizer alone does not
pay for a store or an event loop.
"""

import typing as _typing
from importlib import import_module as _import_module

from ._version import __version__

if _typing.TYPE_CHECKING:
    from .app import Crossbar
    from .auth import ANONYMOUS, Authenticator, Authorizer, Principal, enabled
    from .context import Context
    from .dates import gregorian
    from .dialects import Dialect
    from .dialects.plain import Plain
    from .dialects.rules import Times
    from .dialects.words import Words
    from .endpoint import Endpoint
    from .errors import (
        BadIdentifier,
        BadRequest,
        Changed,
        ClientRefused,
        Conflict,
        CrossbarError,
        Forbidden,
        GuardFailed,
        InvalidData,
        MethodNotAllowed,
        NotAcceptable,
        NotFound,
        Refusal,
        TimedOut,
        TokenRefused,
        TooManyRequests,
        Unauthorized,
        Unavailable,
        UnsupportedMediaType,
        Violation,
    )
    from .filters import Filter, holding, where
    from .hooks import Hook, after, before, within
    from .listings import every, listing
    from .log import AccessLog, RedactingFormatter
    from .media.attachments import blob_of, files_of
    from .media.files import copy_files, drop_files, keep_file
    from .media.incoming import File
    from .mounted import Mounted
    from .passwords import find_user, login_name, password_secrets, wire_credentials
    from .registry import Match, Registry
    from .renderers import Renderer
    from .reply import Answer, Blob, Event, Json, Page, Reply, Stream, accepted, created
    from .resource import Resource, new_id
    from .restrictions import Restrictions
    from .routes import Attachment, action
    from .settings import Options, Settings
    from .stores import Body, Change, Delete, Document, Drop, Guard, Insert, Keep, Kind, Query, Replace, Rows, Store
    from .target import Noun, Target, tokenize
    from .writing import write

__all__ = [
    "ANONYMOUS",
    "AccessLog",
    "Answer",
    "Attachment",
    "Authenticator",
    "Authorizer",
    "BadIdentifier",
    "BadRequest",
    "Blob",
    "Body",
    "Change",
    "Changed",
    "ClientRefused",
    "Conflict",
    "Context",
    "Crossbar",
    "CrossbarError",
    "Delete",
    "Dialect",
    "Document",
    "Drop",
    "Endpoint",
    "Event",
    "File",
    "Filter",
    "Forbidden",
    "Guard",
    "GuardFailed",
    "Hook",
    "Insert",
    "InvalidData",
    "Json",
    "Keep",
    "Kind",
    "Match",
    "MethodNotAllowed",
    "Mounted",
    "NotAcceptable",
    "NotFound",
    "Noun",
    "Options",
    "Page",
    "Plain",
    "Principal",
    "Query",
    "RedactingFormatter",
    "Refusal",
    "Registry",
    "Renderer",
    "Replace",
    "Reply",
    "Resource",
    "Restrictions",
    "Rows",
    "Settings",
    "Store",
    "Stream",
    "Target",
    "TimedOut",
    "Times",
    "TokenRefused",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnsupportedMediaType",
    "Violation",
    "Words",
    "__version__",
    "accepted",
    "action",
    "after",
    "before",
    "blob_of",
    "copy_files",
    "created",
    "drop_files",
    "enabled",
    "every",
    "files_of",
    "find_user",
    "gregorian",
    "holding",
    "keep_file",
    "listing",
    "login_name",
    "new_id",
    "password_secrets",
    "tokenize",
    "where",
    "wire_credentials",
    "within",
    "write",
]

# Where each name is at home; the type checker reads the same from the imports above.
_HOMES = {
    "app": ("Crossbar",),
    "media.attachments": (
        "blob_of",
        "files_of",
    ),
    "auth": (
        "ANONYMOUS",
        "Authenticator",
        "Authorizer",
        "Principal",
        "enabled",
    ),
    "context": ("Context",),
    "dates": ("gregorian",),
    "dialects": ("Dialect",),
    "dialects.plain": ("Plain",),
    "dialects.rules": ("Times",),
    "dialects.words": ("Words",),
    "endpoint": ("Endpoint",),
    "errors": (
        "BadIdentifier",
        "BadRequest",
        "Changed",
        "ClientRefused",
        "Conflict",
        "CrossbarError",
        "Forbidden",
        "GuardFailed",
        "InvalidData",
        "MethodNotAllowed",
        "NotAcceptable",
        "NotFound",
        "Refusal",
        "TimedOut",
        "TokenRefused",
        "TooManyRequests",
        "Unauthorized",
        "Unavailable",
        "UnsupportedMediaType",
        "Violation",
    ),
    "media.files": (
        "copy_files",
        "drop_files",
        "keep_file",
    ),
    "filters": (
        "Filter",
        "holding",
        "where",
    ),
    "hooks": (
        "Hook",
        "after",
        "before",
        "within",
    ),
    "media.incoming": ("File",),
    "listings": (
        "every",
        "listing",
    ),
    "log": (
        "AccessLog",
        "RedactingFormatter",
    ),
    "mounted": ("Mounted",),
    "passwords": (
        "find_user",
        "login_name",
        "password_secrets",
        "wire_credentials",
    ),
    "registry": (
        "Match",
        "Registry",
    ),
    "renderers": ("Renderer",),
    "reply": (
        "Answer",
        "Blob",
        "Event",
        "Json",
        "Page",
        "Reply",
        "Stream",
        "accepted",
        "created",
    ),
    "routes": (
        "Attachment",
        "action",
    ),
    "resource": (
        "Resource",
        "new_id",
    ),
    "restrictions": ("Restrictions",),
    "settings": (
        "Options",
        "Settings",
    ),
    "stores": (
        "Body",
        "Change",
        "Delete",
        "Document",
        "Drop",
        "Guard",
        "Insert",
        "Keep",
        "Kind",
        "Query",
        "Replace",
        "Rows",
        "Store",
    ),
    "target": (
        "Noun",
        "Target",
        "tokenize",
    ),
    "writing": ("write",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name from the file that it is at home in (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
