"""A process in a box as its keeper sees it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from evolver_tui.adapters.sandbox.process import BoxedProcess
from evolver_tui.engine.sandbox import LimitName
from tests.support.sessions import PATIENCE_SECONDS


@pytest.mark.anyio
async def test_what_cannot_be_looked_at_is_ended_and_nobody_waits_for_it() -> None:
    def looks_badly() -> LimitName | None:
        raise OSError("no such file")

    process = BoxedProcess(_endless(), looks_badly, asyncio.get_running_loop())
    assert await process.wait(PATIENCE_SECONDS)
    assert process.exit_code == -9
    assert process.limit is None


def _endless() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(1000)"], start_new_session=True)
