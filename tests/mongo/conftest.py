"""Tests against MongoDB run on asyncio, as the driver does."""

from __future__ import annotations

from typing import Any

import pymongo
import pytest

from .listening import Commands


@pytest.fixture(scope="module", autouse=True)
def patient(patient_mongo: None) -> None:
    """Let servers take their time."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Listen to the clients that are made from now on."""
    heard, make = Commands(), pymongo.AsyncMongoClient.__init__

    def listened_to(self: Any, *args: Any, **options: Any) -> None:
        make(self, *args, event_listeners=[heard], **options)

    monkeypatch.setattr(pymongo.AsyncMongoClient, "__init__", listened_to)
    return heard
