"""A draft that is mended in the console: the check behind the keys, the way that it goes, and what is never lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.engine.inbox import Inbox
from evolver_tui.tui.modals import EditModal, LeaveModal, NameModal
from evolver_tui.wiring import make_library
from tests.support.desk_fixtures import SMALL, Console, console
from tests.support.sessions import SUMMARIZE
from tests.support.waiting_fixtures import elsewhere, question_about, until_back, until_needs, until_open

pytestmark = pytest.mark.anyio

NODE = "summarize_blog_post"


async def at_draft(desk: Console) -> str:
    """The first draft on the card, read; returns its code."""
    await desk.receive(SUMMARIZE)
    await until_needs(desk, 1)
    return await on_card(desk)


async def on_card(desk: Console) -> str:
    await desk.press("n", "enter")
    await desk.until(lambda: desk.desk.card.content.review is not None, "a draft")
    await desk.look_at_draft(4.0)
    review = desk.desk.card.content.review
    assert review is not None
    return review.draft.code


async def editor(desk: Console) -> EditModal:
    """The editor, opened by its key, with the checks' first word."""
    await desk.decide("E")
    await until_open(desk, EditModal)
    modal = desk.app.screen
    assert isinstance(modal, EditModal)
    await desk.until(lambda: "risk " in desk.text(), "what the checks say")
    return modal


async def paste(desk: Console, text: str) -> None:
    desk.app.post_message(Paste(text))
    await desk.pilot.pause()


async def hand_in(desk: Console) -> None:
    await desk.decide("ctrl+s")
    await until_back(desk)
    await desk.session.workers.drained()


async def until_draft(desk: Console, code: str) -> None:
    await desk.until(lambda: (review := desk.desk.card.content.review) and review.draft.code == code, "the draft")
    await desk.look_at_draft(4.0)


async def decided_elsewhere(desk: Console, decision: Decision) -> None:
    """Another process decides about the one task's draft."""
    async with elsewhere(desk) as database:
        inbox = Inbox(
            database, desk.session.bus, session_id="other", person="bob", host="there", new_id=lambda: "x",
            library=make_library(desk.place),
        )  # fmt: skip
        await inbox.decide((await question_about(desk, "task-1")).id, decision)


@pytest.mark.parametrize("size", [(120, 40), SMALL], ids=["wide", "small"])
async def test_a_mend_is_checked_as_it_is_typed_and_the_very_bytes_are_saved(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with console(tmp_path, size=size) as desk:
        code = await at_draft(desk)
        await editor(desk)
        assert "risk low, as before" in desk.text()
        await desk.press("ctrl+end", *"import", "space", *"socket")
        await desk.until(lambda: "risk high: was low; it reaches the network" in desk.text(), "the risk as it is now")
        await hand_in(desk)
        await until_draft(desk, mended := f"{code}import socket")
        await desk.until(lambda: "edited by" in desk.text() or "risk high" in desk.text())
        await desk.decide("a")
        await until_open(desk, NameModal)
        await desk.answer(*[{"_": "underscore"}.get(letter, letter) for letter in NODE])
        await desk.until(lambda: make_library(desk.place).latest(NODE), "the node")
        assert (tmp_path / "nodes" / NODE / "main.py").read_bytes() == mended.encode()


async def test_line_ends_and_hidden_characters_arrive_as_they_are(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        code = await at_draft(desk)
        question = await question_about(desk, "task-1")
        begun = code.replace("\n", "\r\n") + "# \u200b and no last line's end"
        await desk.session.inbox.decide(question.id, Decision(DecisionKind.EDIT, code=begun))
        await desk.session.workers.drained()
        await until_draft(desk, begun)
        await editor(desk)
        await desk.press("ctrl+home", "ctrl+k", "ctrl+k")
        await paste(desk, '"""Mended.\r')
        await hand_in(desk)
        rest = begun.partition("\r\n")[2]
        await until_draft(desk, f'"""Mended.\r\n{rest}')


async def test_the_cursor_stands_where_the_reader_was(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        await at_draft(desk)
        card = desk.desk.card
        if card.is_folded:
            await desk.press("z")
        await desk.press("j", "j", "j", "j")
        assert "  5  Sent back, it understands" in desk.text()
        assert "  4  By the offline author" not in desk.text()
        modal = await editor(desk)
        assert modal._area.cursor_location == (4, 0)


async def test_what_was_left_is_there_again_also_after_the_console_was_killed(tmp_path: Path) -> None:
    edits = tmp_path / "edits"
    async with console(tmp_path, edits=edits) as desk:
        code = await at_draft(desk)
        await editor(desk)
        await desk.press(*"mine")
        await desk.until(lambda: any("mine" in each.read_text() for each in edits.glob("*.py")), "the file")
        (file,) = edits.glob("*.py")
        assert file.stat().st_mode & 0o777 == 0o600
    async with console(tmp_path, edits=edits) as desk:
        assert await on_card(desk) == code
        modal = await editor(desk)
        assert modal.code == f"mine{code}"
        await desk.press("escape")
        await until_open(desk, LeaveModal)
        await desk.press("l")
        await until_back(desk)
        await desk.look_at_draft()
        assert (await editor(desk)).code == f"mine{code}"
        await desk.press("escape")
        await until_open(desk, LeaveModal)
        await desk.decide("d")
        await until_back(desk)
        await desk.until(lambda: not [*edits.glob("*.py")], "that nothing is kept")
        await desk.look_at_draft()
        assert (await editor(desk)).code == code


async def test_a_draft_that_somebody_else_decided_about_says_so_and_what_was_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    file = tmp_path / "copied.txt"
    async with console(tmp_path, copy_file=file) as desk:
        code = await at_draft(desk)
        modal = await editor(desk)
        await desk.press(*"mine")
        await decided_elsewhere(desk, Decision(DecisionKind.REJECT))
        await desk.until(lambda: any("answered by bob" in words for words in desk.notices), "who decided")
        assert desk.app.screen is modal
        await desk.decide("ctrl+s")
        assert any("cannot be handed in any more" in words for words in desk.notices)
        await desk.press("ctrl+o")
        await desk.until(file.exists, "the copy")
        assert file.read_text() == f"mine{code}"
        desk.clock.seconds += 2
        await desk.press("escape")
        await until_open(desk, LeaveModal)
        await desk.decide("d")
        await until_back(desk)


async def test_an_editor_in_which_nothing_was_written_closes_when_somebody_else_decided(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_draft(desk)
        await editor(desk)
        await decided_elsewhere(desk, Decision(DecisionKind.REJECT))
        await until_back(desk)
        await desk.until(lambda: any("answered by bob" in words for words in desk.notices), "who decided")


async def test_who_comes_too_late_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with console(tmp_path) as desk:
        await at_draft(desk)
        modal = await editor(desk)
        await desk.press(*"mine")
        store, read = desk.session.store, desk.session.store.question

        async def as_before(question: int) -> Any:
            return found if (found := await read(question)) is not None else asked

        asked = await question_about(desk, "task-1")
        monkeypatch.setattr(store, "question", as_before)  # what it hears of the other decision comes later
        await decided_elsewhere(desk, Decision(DecisionKind.REJECT))
        await desk.decide("ctrl+s")
        await desk.until(lambda: "! Not kept." in desk.text(), "that it was not kept")
        assert desk.app.screen is modal
        assert modal.code.startswith("mine")


async def test_a_draft_that_is_too_large_is_for_the_other_editor(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_draft(desk)
        question = await question_about(desk, "task-1")
        long = f"x = '{'y' * 10_000}'\n"
        await desk.session.inbox.decide(question.id, Decision(DecisionKind.EDIT, code=long))
        await desk.session.workers.drained()
        await until_draft(desk, long)
        await desk.decide("E")
        assert desk.app.screen is desk.desk
        assert any("characters, more than 10,000. e opens it in your own editor." in each for each in desk.notices)
