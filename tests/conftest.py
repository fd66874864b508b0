"""Fixtures that every test may use."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests (marked `anyio`) run on asyncio, as the product does."""
    return "asyncio"
