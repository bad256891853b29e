"""Crossbar: a generic routing framework for REST APIs, in the manner of Kazoo's Crossbar."""

from ._version import __version__
from .app import Crossbar
from .auth import ANONYMOUS, Principal, enabled
from .context import Context
from .endpoint import Endpoint, action
from .errors import (
    BadIdentifier,
    BadRequest,
    Conflict,
    CrossbarError,
    Forbidden,
    GuardFailed,
    InvalidData,
    NotFound,
    Refusal,
    Unauthorized,
    Unavailable,
    Violation,
)
from .filters import Filter, holding, where
from .passwords import find_user, login_name, password_secrets
from .registry import Registry
from .reply import Answer, Json, Page, Reply, Stream, accepted, created
from .resource import Resource, every, listing, write
from .settings import Settings
from .stores import Body, Change, Delete, Document, Guard, Insert, Kind, Query, Replace, Rows, Store
from .target import Noun, Target, tokenize

__all__ = [
    "ANONYMOUS",
    "Answer",
    "BadIdentifier",
    "BadRequest",
    "Body",
    "Change",
    "Conflict",
    "Context",
    "Crossbar",
    "CrossbarError",
    "Delete",
    "Document",
    "Endpoint",
    "Filter",
    "Forbidden",
    "Guard",
    "GuardFailed",
    "Insert",
    "InvalidData",
    "Json",
    "Kind",
    "NotFound",
    "Noun",
    "Page",
    "Principal",
    "Query",
    "Refusal",
    "Registry",
    "Replace",
    "Reply",
    "Resource",
    "Rows",
    "Settings",
    "Store",
    "Stream",
    "Target",
    "Unauthorized",
    "Unavailable",
    "Violation",
    "__version__",
    "accepted",
    "action",
    "created",
    "enabled",
    "every",
    "find_user",
    "holding",
    "listing",
    "login_name",
    "password_secrets",
    "tokenize",
    "where",
    "write",
]
