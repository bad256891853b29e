"""Tests against MongoDB run on asyncio, as the driver does."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
