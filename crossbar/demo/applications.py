"""The application of the demo data, by which its users can get tokens with OAuth 2.0."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import orjson

from ..stores import Body, Document
from .recipe import Recipe
from .tree import Account, hex_id

APPLICATIONS, CLIENTS = "applications", "clients"


def client_id_of(recipe: Recipe) -> str:
    """The client id, the same for everybody who has the recipe."""
    return hex_id(recipe.dice("application"))


def client_secret_of(signing: bytes, client_id: str) -> str:
    """The client secret, which only the store with this signing key knows."""
    return hmac.digest(signing, f"demo client secret {client_id}".encode(), "sha256").hex()


def application_documents(account: Account, recipe: Recipe) -> Iterator[Document]:
    """The application of the demo account, which has no secret yet, and what it is found by."""
    body: dict[str, Any] = {
        "id": client_id_of(recipe),
        "name": "Demo client",
        "description": "For trying out OAuth 2.0; every grant is open to it.",
        "redirect_uris": ["https://client.example.com/oauth/callback", "http://127.0.0.1:8400/oauth/callback"],
        "grants": [
            "authorization_code",
            "client_credentials",
            "password",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ],
        "public": False,
        "shared": False,
        "scopes": [],
        "enabled": True,
    }
    yield account.document(APPLICATIONS, body, account.created + 300)
    found_by = {"id": body["id"], "account_id": account.id, "enabled": True}
    yield Document("", CLIENTS, body["id"], orjson.dumps(found_by), account.created + 300, account.created + 300)


def with_secret(signing: bytes, application: Document) -> Document:
    """The application with what is kept of its secret."""
    secret = client_secret_of(signing, application.id)
    kept: Body = {"secret": hashlib.sha256(secret.encode()).hexdigest()}
    return application.with_secrets(kept)
