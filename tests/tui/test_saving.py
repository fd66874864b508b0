"""What is done while another program holds the database: it is said to be saved at once, and until it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.errors import StoreBusy
from evolver_tui.tui.modals import ConfirmModal, QuestionModal
from evolver_tui.tui.screens.desk.draft_guard import SECONDS_UNASKED
from tests.support.desk_fixtures import Console, console
from tests.support.sessions import SUMMARIZE, TRANSLATE
from tests.support.waiting_fixtures import until_needs

pytestmark = pytest.mark.anyio

LOCKED = "The database evolver.db is locked by another program."


class Lock:
    """Another program's hold on the database, as the store tells of it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.is_free = asyncio.Event()

    def around(self, write: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def locked(*arguments: Any) -> None:
            self.asked.set()
            if not self.is_free.is_set():
                await asyncio.wait({asyncio.ensure_future(self.is_free.wait())}, timeout=0.05)
                if not self.is_free.is_set():
                    raise StoreBusy(LOCKED, "Close that program or wait, then try again.")
            await write(*arguments)

        return locked


@contextmanager
def held(desk: Console, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lock]:
    lock, inbox = Lock(), desk.session.inbox
    for name in ("decide", "answer", "cancel"):
        monkeypatch.setattr(inbox, name, lock.around(getattr(inbox, name)))
    yield lock
    lock.is_free.set()


@pytest.mark.parametrize("key", ["a", "D"])
async def test_row_and_card_say_so_at_once_and_a_second_key_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 1)
        await desk.press("enter")
        await desk.look_at_draft(SECONDS_UNASKED)
        with held(desk, monkeypatch):
            await desk.decide(key)
            if key == "D":
                await desk.until_open(ConfirmModal)
                await desk.decide("y")
            await desk.until(lambda: desk.text().count("saving…") == 2, "row and card")
            await desk.until(lambda: any(LOCKED in notice for notice in desk.notices), "why it takes so long")
            await desk.decide(key)
            await desk.until(lambda: "It is being saved." in desk.notices)
            assert desk.text().count("saving…") == 2
            await desk.decide("q")
            await desk.until_open(ConfirmModal)
            assert "is not saved" in desk.text()
            await desk.press("n")
        done = "cancelled" if key == "D" else "saved as"
        await desk.until(lambda: done in desk.text(), "the end")
        assert "saving…" not in desk.text()


async def test_a_dialog_says_so_and_stays_until_it_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with console(tmp_path) as desk:
        await desk.receive({key: value for key, value in TRANSLATE.items() if key != "translationLanguages"})
        await until_needs(desk, 1)
        await desk.press("o")
        await desk.until_open(QuestionModal)
        with held(desk, monkeypatch) as lock:
            await desk.answer(*"de-", "greater_than_sign", *"en")
            await lock.asked.wait()
            await desk.until(lambda: "saving…" in desk.text())
            await desk.press("escape")
            assert isinstance(desk.app.screen, QuestionModal)
            assert "It is being saved." in desk.notices
        await desk.until(lambda: desk.app.screen is desk.desk, "its end")
        await desk.until(lambda: desk.desk.card.content.review is not None, "the draft")
