"""A stranger's words are words wherever they are shown: they steer no terminal, press no button and stop nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from textual.events import Key, Paste
from textual.keys import key_to_character
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input, OptionList

from evolver_tui.core.address import Address
from evolver_tui.core.answer_rule import AnswerRule, AnswerRuleRecord, AnswerScope, Breadth, RuleDecision
from evolver_tui.core.job import QueueCounts
from evolver_tui.core.link_state import LinkState
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.core.router_answer import MOST_CODE_BYTES
from evolver_tui.core.safe_text import safe_block
from evolver_tui.core.signal import Observation, Signal
from evolver_tui.core.task import Task
from evolver_tui.engine.session import Session
from evolver_tui.settings.workspace import Workspace
from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.all_actions import ACTIONS
from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.modals import (
    ConfirmModal,
    ConnectModal,
    Modal,
    NameModal,
    QuestionModal,
    ReasonModal,
    RememberedModal,
    RememberModal,
    SignalModal,
)
from evolver_tui.tui.screens.desk.actions.questions import DECLINE
from tests.support.hostile import (
    HUGE_LINE,
    MANY_LINES,
    ODD_NAME,
    as_kept,
    assert_only_words,
    bundles,
    numbered,
    question_of,
    repeating_session,
    task_of,
    text_on,
    trace,
    traces,
)
from tests.support.hubs import Peer, RawHub
from tests.support.modal_host import stay
from tests.support.sessions import PATIENCE_SECONDS, Watch, send, workspace_in
from tests.support.terminal import SECONDS_TO_LOOK

pytestmark = pytest.mark.anyio

LARGE = (180, 120)
"""Room for everything at once: what is cut away is not tested."""
MEDIUM = (120, 50)


@asynccontextmanager
async def console(
    place: Workspace, size: tuple[int, int] = MEDIUM, **settings: Any
) -> AsyncIterator[tuple[EvolverApp, Pilot[int], Session, Watch]]:
    """The console over a real session whose routine is this one, with the hub of the settings or one that is away."""
    session = repeating_session(place)
    watch = Watch(session)
    chosen = {"connect_url": Address("http://127.0.0.1:9/taskhub"), "nodes_folder": str(place.nodes), **settings}
    app = EvolverApp(lambda: session, lambda: ([], None), DeskSettings(**chosen))
    async with app.run_test(size=size, notifications=True) as pilot:
        await watch.until("session.started")
        yield app, pilot, session, watch
        assert app.is_running, "a stranger's words ended the console"
        await assert_answers_keys(app, pilot)
        await app.action_quit()
        await until(pilot, lambda: not app.is_running)


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Send keys as the terminal's driver does."""
    driver = pilot.app._driver
    assert driver is not None
    for key in keys:
        event = Key(key, key_to_character(key))
        event.set_sender(pilot.app)
        driver.send_message(event)
    await settle(pilot)


async def settle(pilot: Pilot[int]) -> None:
    """Let every widget handle what it was sent and what that leads to; a pilot's own pause measures the CPU instead."""
    for _ in range(4):
        await asyncio.sleep(0)
        await pilot._wait_for_screen()


async def go_to(pilot: Pilot[int], key: str, pane: str) -> None:
    """Press a key that brings another pane into focus."""
    await press(pilot, key)
    desk = cast(EvolverApp, pilot.app).desk
    await until(pilot, lambda: desk.pane_in_focus == pane)


async def until(pilot: Pilot[int], is_true: Callable[[], object]) -> None:
    """Let the console work until this is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_true():
            await asyncio.sleep(0.002)
            await settle(pilot)


async def assert_shown(pilot: Pilot[int], place: Widget | str, wanted: Iterable[str]) -> None:
    """All of these come to stand on a widget, or on those of a type, and whatever is drawn meanwhile is words."""
    wanted, missing = list(wanted), [""]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while missing:
                assert_only_words(pilot.app)
                places = [place] if isinstance(place, Widget) else list(pilot.app.screen.query(place))
                found = "".join(map(text_on, places))
                missing = [text for text in wanted if text not in found]
                await settle(pilot)
    assert missing == []


async def assert_answers_keys(app: EvolverApp, pilot: Pilot[int]) -> None:
    """A key does what it does."""
    await press(pilot, "escape")
    await until(pilot, lambda: app.screen is app.desk)
    await press(pilot, "question_mark")
    await until(pilot, lambda: app.screen is not app.desk)
    app.pop_screen()
    await settle(pilot)


def counts(app: EvolverApp) -> QueueCounts:
    """How many jobs stand where, as the desk shows it."""
    return app.desk.queue.counts or QueueCounts()


def shown_card(app: EvolverApp) -> bool:
    """Whether the selected job lies on the card."""
    selected = app.desk.queue.selected
    return selected is not None and app.desk.card.content.job == selected.job


# --- the desk


async def test_tasks_questions_drafts_and_errors(tmp_path: Path) -> None:
    place = workspace_in(tmp_path / ODD_NAME, environ={"USER": "ada[/]\x1b]0;x\x07"})
    packs = bundles(300)
    alone = [task_of(f"{tag}{text}", "keep", status="completed") for tag, text in numbered()]
    packed = [task_of(pack, does) for pack in packs for does in ("ask", "draft", "fail")]
    said = {Task.from_raw(sent).id: sent["taskName"] for sent in packed}
    async with console(place, LARGE) as (app, pilot, session, watch):
        await send(session, alone + packed)
        await watch.until("task.failed", len(packs))
        await until(pilot, lambda: counts(app).needs_you == 2 * len(packs))

        desk = app.desk
        await press(pilot, "plus")
        await assert_shown(pilot, desk.queue, [trace(as_kept(sent["taskName"])) for sent in alone + packed])
        await press(pilot, "plus")
        await press(pilot, "g")
        for _ in packed:
            await until(pilot, lambda: shown_card(app))
            assert desk.queue.selected is not None
            words = said.pop(desk.queue.selected.task_id)
            await go_to(pilot, "enter", "card")
            for page in desk.card.content.pages:
                kept = as_kept(words) if page.title == "State" else words
                await assert_shown(pilot, desk.card, traces(kept))
                await press(pilot, "l")
            await go_to(pilot, "escape", "queue")
            await press(pilot, "j")
        assert not said


async def test_dialogs(tmp_path: Path) -> None:
    async with console(workspace_in(tmp_path)) as (app, pilot, _, _):
        for words in bundles(300):
            asked = OpenQuestion(1, 1, words, words, words, question_of(words), 0.0)
            await assert_modal_shows(
                app, pilot, QuestionModal(asked, 1, 1, decline=DECLINE, wall_now=lambda: 0.0), traces(words)
            )
            scope = AnswerScope(Breadth.TASK_TYPE, "a", "f", words, words, "s", words)
            answer = Answer(AnswerAction.ACCEPT, {words: words})
            offered = RememberModal(asked, answer, words, {}, Breadth.FIELD)
            await assert_modal_shows(app, pilot, offered, traces(words)[:1])
            rule = AnswerRuleRecord(AnswerRule(1, scope, answer, words, 0.0, revoked_at=1.0, revoked_by=words), 1)
            listed = RememberedModal(Keymap(ACTIONS), print, print, print, [rule], "s", wall_now=lambda: 0.0)
            listed.show_decisions(1, [RuleDecision(1, words, 0.0, False)])
            await assert_modal_shows(app, pilot, listed, traces(words)[:1])
        for words in bundles(600):
            first = traces(words)[:1]
            await assert_modal_shows(app, pilot, ConfirmModal(words, words, words), first)
            await assert_modal_shows(app, pilot, ReasonModal(words), first)
            await assert_modal_shows(app, pilot, NameModal(words, [(words, words)]), first)
            ended = LinkState("ended", Address(words), 0.0, reason=words)
            await assert_modal_shows(app, pilot, ConnectModal([Address(words)], ended), first)


async def assert_modal_shows(app: EvolverApp, pilot: Pilot[int], modal: Modal[Any], wanted: Iterable[str]) -> None:
    """A dialog shows all of these, as words, also after some keys."""
    app.push_screen(modal)
    await until(pilot, lambda: modal.query("#window"))
    await assert_shown(pilot, modal.query_one("#window"), wanted)
    await press(pilot, "tab", "down", "enter", "pagedown")
    assert_only_words(app)
    assert app.screen is modal
    app.pop_screen()


async def test_signals_and_searches(tmp_path: Path) -> None:
    async with console(workspace_in(tmp_path), LARGE) as (app, pilot, session, _):
        feed, queue = app.desk.feed, app.desk.queue
        for tag, text in numbered():
            session.bus.emit(Observation(f"{tag}{text}", {"v": f"{tag}{text}", text: {text: text}}))
        await go_to_pane(pilot, feed)
        await press(pilot, "plus")
        wanted = [f"{start}{trace(tag + text)}" for start in ("i", "v=") for tag, text in numbered()]
        await assert_shown(pilot, feed, wanted)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, SignalModal) and app.screen.query("#tree"))
        modal = cast(SignalModal, app.screen)
        latest_tag, _ = list(numbered())[-1]
        while not modal.signal.name.startswith(latest_tag):  # the link may have told something since
            await press(pilot, "k")
        for tag, text in reversed(list(numbered())):
            first_line = safe_block(tag + text).split("\n")[0]
            await assert_shown(pilot, modal.query_one("#window"), [f"v:{trace(first_line)}"])
            await press(pilot, "k")
        await press(pilot, "escape")
        await until(pilot, lambda: app.screen is app.desk)
        await press(pilot, "plus")
        for pane in (feed, queue):
            await go_to_pane(pilot, pane)
            await press(pilot, "slash")
            await until(pilot, lambda: isinstance(app.focused, Input))
            line = cast(Input, app.focused)
            for _, text in numbered():
                line.post_message(Paste(text))
                await settle(pilot)
                assert_only_words(app)
                assert trace(line.value, 3) == trace((text.splitlines() or [""])[0], 3)
                line.clear()
            await press(pilot, "escape")


async def go_to_pane(pilot: Pilot[int], pane: Pane) -> None:
    """Tab on to a pane."""
    for _ in range(4):
        if not pane.has_focus:
            await press(pilot, "tab")
    assert pane.has_focus


async def test_notices_and_an_export_to_an_odd_place(tmp_path: Path) -> None:
    place = workspace_in(tmp_path / ODD_NAME)
    themes = place.paths.themes
    themes.mkdir(parents=True)
    (themes / "\x1b]0;x\x07[@click=app.quit]x.toml").write_text("name = [")
    (themes / "odd.toml").write_text('name = "\\u001b[2J[@click=app.quit]"\n')
    async with console(place, user_themes=themes, theme="[@click=app.quit]\x1b[2J") as (app, pilot, _, watch):
        await until(pilot, lambda: app.desk.notice_line._shown.others >= 2)
        assert_only_words(app)
        await clear_notices(app, pilot)
        for words in bundles(150):
            app.say(words, "error")
            await until(pilot, lambda: app.desk.notice_line._shown.message)
            assert_only_words(app)
            await press(pilot, "m")
            await assert_shown(pilot, "#window", traces(words))
            app.pop_screen()
            await clear_notices(app, pilot)
        await asyncio.sleep(SECONDS_TO_LOOK)  # an export is a key pressed alone
        await press(pilot, "x")
        signal = await watch.until("session.exported")
        assert ODD_NAME in signal.payload["path"]
        await press(pilot, "m")
        await assert_shown(pilot, "#window", [trace(ODD_NAME, 30)])
        app.pop_screen()
        await press(pilot, "ctrl+p")
        await until(pilot, lambda: any(found.option_count for found in app.screen.query(OptionList)))
        assert_only_words(app)


async def clear_notices(app: EvolverApp, pilot: Pilot[int]) -> None:
    """As if their time were over."""
    app.clear_notifications()
    await until(pilot, lambda: not app.desk.notice_line._shown.message)


async def test_what_a_hub_says_when_it_hangs_up_and_its_address(tmp_path: Path) -> None:
    packs = bundles(250)
    left = iter(packs)

    def say_goodbye(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 7, "error": next(left)})
        peer.read_to_end()

    with RawHub(say_goodbye) as hub:
        async with console(workspace_in(tmp_path)) as (app, pilot, session, watch):
            for number, words in enumerate(packs, 1):
                await session.connect(Address(hub.url))
                await watch.until("hub.ended", number)
                await assert_shown(pilot, app.desk.hub, [traces(words)[0]])
            await session.connect(Address("http://127.0.0.1:9/[bold]x[/]$error{0}"))
            await assert_shown(pilot, app.desk.hub, ["http://127.0.0.1:9/[bold]"])


@pytest.mark.parametrize("words", [HUGE_LINE, MANY_LINES], ids=["1 MB in a line", "100,000 lines"])
async def test_an_endless_text_stops_nothing(tmp_path: Path, words: str) -> None:
    async with console(workspace_in(tmp_path)) as (app, pilot, session, watch):
        await send(session, task_of(words, "ask"), task_of(words[:MOST_CODE_BYTES], "draft"), task_of(words, "fail"))
        await watch.until("task.failed")
        session.bus.emit(Observation("any", {"v": words}))
        await assert_modal_shows(
            app, pilot, SignalModal(Keymap(ACTIONS), Signal("any", {"v": words}), stay), [words[:4]]
        )
        app.say(words)
        await until(pilot, lambda: counts(app).failed == 1)
        for _ in range(3):
            await until(pilot, lambda: shown_card(app))
            await go_to(pilot, "enter", "card")
            for _ in app.desk.card.content.pages:
                await press(pilot, "G", "g", "pagedown", "l")
                assert_only_words(app)
            await go_to(pilot, "escape", "queue")
            await press(pilot, "j")
        asked = OpenQuestion(1, 1, words, words, words, question_of(words), 0.0)
        await assert_modal_shows(app, pilot, QuestionModal(asked, 1, 1, decline=DECLINE), [words[:4]])


async def test_a_draft_s_id_names_no_file_outside_the_editor_s_folder(tmp_path: Path) -> None:
    """A bundle or a routine may have written it; only what is saved has an id that was checked."""
    editor, told = tmp_path / "editor", tmp_path / "told"
    editor.write_text(f'#!/bin/sh\nprintf %s "$1" > {told}\n')
    editor.chmod(0o700)
    async with console(workspace_in(tmp_path), editor=lambda: [str(editor)]) as (app, pilot, session, _):
        await send(session, task_of(f"{tmp_path}/escaped", "draft"))
        await until(pilot, lambda: counts(app).needs_you == 1 and shown_card(app))
        await go_to(pilot, "enter", "card")
        await until(pilot, lambda: app.desk.context.review_to_decide()[0] is not None)
        await press(pilot, "e")
        await until(pilot, told.exists)
        await until(pilot, lambda: "Nothing was changed" in "".join(each.message for each in app.latest_notices))
    assert not (tmp_path / "escaped.py").exists()
    assert Path(told.read_text()).parent.name.startswith("evolver-")
