"""The desk by keys: what a person sees and decides, and what nobody else's string can do to it."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.color import Color

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import ConfigError, StoreError
from evolver_tui.core.job import QueueCounts
from evolver_tui.core.signal import Observation, Signal
from evolver_tui.engine.session import Session
from evolver_tui.signals import emit_signal
from evolver_tui.tui.actions import Keymap, with_own_keys
from evolver_tui.tui.all_actions import ACTIONS
from evolver_tui.tui.bridge import Bridge
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.styles import fit, set_out, width_of, wrap
from evolver_tui.tui.modals import ConfirmModal, HelpModal, NameModal, QuestionModal, ReasonModal
from evolver_tui.tui.no_color import WithoutColor
from evolver_tui.tui.screens.desk.actions.review import APPROVE
from evolver_tui.tui.screens.desk.draft_guard import SECONDS_UNASKED
from evolver_tui.tui.screens.desk.panes.queue_window import MARGIN
from evolver_tui.tui.screens.desk.panes.signal_feed import SignalFeed
from evolver_tui.tui.themes import variable_defaults
from tests.support.desk_fixtures import SMALL, Console, HandClock, LongQueue, QueueApp, console
from tests.support.drafts import NODE
from tests.support.routine_process import install
from tests.support.sessions import GENERATE, SUMMARIZE, TRANSLATE, send

pytestmark = pytest.mark.anyio

NO_LANGUAGES = {"id": "task-9", "taskName": "Translate Release Notes", "llmTaskType": "translate"}
HOSTILE = "\x1b]52;c;ZXZpbA==\x07[@click=app.quit]x[/]\x9b31m\u202egnp\u200b \x00 a[0] = b[i]"


async def until_needs(desk: Console, number: int) -> None:
    await desk.until(lambda: (desk.desk.queue.counts or QueueCounts()).needs_you == number, f"{number} that need you")


async def until_card(desk: Console, title: str) -> None:
    await desk.until(lambda: title in desk.desk.card.content.title, f"the card {title}")


async def at_review(desk: Console, *tasks: dict[str, Any]) -> None:
    """Receive tasks, go to the first one's card and look at it."""
    await desk.receive(*tasks)
    await until_needs(desk, len(tasks))
    await desk.until(lambda: desk.desk.card.content.review is not None, "a review on the card")
    await desk.press("enter")
    desk.clock.seconds += 1


def saved(desk: Console) -> list[str]:
    return sorted(path.parent.name for path in desk.place.nodes.glob("*/main.py"))


# --- the first frame, opening and leaving


async def test_the_first_frame_has_the_rows_that_were_peeked(tmp_path: Path) -> None:
    rows = await LongQueue(3).rows_after(None, 3)

    def never() -> Session:
        raise StoreError("The database is locked.", "Close the other console.")

    async with console(tmp_path, make=never, first=(rows, QueueCounts(waiting=418))) as desk:
        assert "task-1 Name 1" in desk.text()
        assert "418 waiting" in desk.text()
        await desk.until(lambda: "The database is locked. Close the other console." in desk.text())
        assert "Press q to quit." in desk.text()
        await desk.decide("q")
        assert desk.app.return_value == 0


async def test_a_mistake_of_ours_is_named_without_its_values(tmp_path: Path) -> None:
    def mistaken() -> Session:
        secret = "sk-very-secret"
        raise RuntimeError(secret)

    async with console(tmp_path, make=mistaken) as desk:
        await desk.until(lambda: "RuntimeError" in desk.text())
        assert "sk-very-secret" not in desk.text() + "".join(desk.notices)


async def test_leaving_ends_the_session_in_order(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        session = desk.session
        await desk.decide("q")
        await desk.until(lambda: desk.app.return_value is not None)
        assert desk.app.return_value == 0
        await session.store.open()
        (record,) = await session.store.sessions()
        assert record.ended_at is not None
        await session.store.close()


async def test_leaving_asks_first_whatever_the_routine_that_works(tmp_path: Path) -> None:
    install(tmp_path, '[routines]\nslow = "slow_routine:work"\n')
    module = tmp_path / "config" / "routines" / "slow_routine.py"
    module.write_text("import asyncio\n\nasync def work(run, task):\n    await asyncio.Event().wait()\n")
    async with console(tmp_path) as desk:
        await send(desk.session, {"tasks": [{"id": "t", "taskName": "A task", "routine": "slow"}]})
        await desk.until(lambda: desk.session.workers.is_working)
        await desk.decide("q")
        await desk.until_open(ConfirmModal)
        assert "Quit the console?" in desk.text()
        await desk.press("escape")
        await desk.until(lambda: "Quit the console?" not in desk.text())
        assert desk.app.return_value is None


# --- deciding


async def test_an_approved_draft_is_saved_and_the_next_one_is_in_front(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_review(desk, SUMMARIZE, GENERATE)
        assert desk.desk.queue.selected is not None
        first = desk.desk.queue.selected.task_id
        await desk.decide("a")
        await desk.until(lambda: len(saved(desk)) == 1, "a saved node")
        await desk.until(lambda: desk.desk.queue.selected and desk.desk.queue.selected.task_id != first)
        assert desk.desk.focused is desk.desk.card
        await until_needs(desk, 1)


async def test_nothing_is_decided_before_the_draft_was_seen(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 1)
        await desk.until(lambda: desk.desk.card.content.review is not None)
        await desk.press("a")
        assert "Go to the card first: press enter on the task." in desk.notices
        desk.clock.seconds += 1
        desk.desk.card.look_anew()
        await desk.press("enter")
        desk.clock.seconds += 0.25
        await desk.press("a")
        assert any("only just appeared" in notice for notice in desk.notices)
        await desk.decide("a")
        await desk.until(lambda: saved(desk) == ["summarize_blog_post"])


async def test_a_reason_sends_the_draft_back_and_a_plain_reject_ends_the_task(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_review(desk, SUMMARIZE)
        await desk.decide("r")
        await desk.until_open(ReasonModal)
        await desk.answer(*"aRq")
        await desk.until(lambda: "draft 2" in desk.desk.card.content.subtitle)
        await desk.look_at_draft(SECONDS_UNASKED)
        await desk.decide("R")
        await desk.until_open(ConfirmModal)
        await desk.decide("y")
        await desk.until(lambda: (desk.desk.queue.counts or QueueCounts()).rejected == 1)
        assert saved(desk) == []


async def test_high_risk_is_approved_by_typing_the_name(tmp_path: Path) -> None:
    edited = tmp_path / "edited.py"
    edited.write_text(f"{NODE}import subprocess\nsubprocess.run\n")
    async with console(tmp_path, editor=lambda: ["cp", str(edited)]) as desk:
        await at_review(desk, SUMMARIZE)
        await desk.decide("e")
        await desk.until(lambda: "risk high" in desk.desk.card.content.subtitle)
        await desk.until(lambda: "✗ controls processes" in desk.text())
        await desk.look_at_draft(SECONDS_UNASKED)
        await desk.decide("a")
        await desk.until_open(NameModal)
        assert "controls processes  lines 21, 22" in desk.text()
        await desk.answer(*"yes")
        assert "'yes' is not its name: nothing was approved." in desk.text()
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.desk)
        assert saved(desk) == []
        await desk.look_at_draft(SECONDS_UNASKED)
        await desk.decide("a")
        await desk.until_open(NameModal)
        await desk.answer(*"summarize", "underscore", *"blog", "underscore", *"post")
        await desk.until(lambda: saved(desk) == ["summarize_blog_post"])


async def test_a_failed_check_forbids_to_approve(tmp_path: Path) -> None:
    edited = tmp_path / "edited.py"
    edited.write_text("print(")
    async with console(tmp_path, editor=lambda: ["cp", str(edited)]) as desk:
        await at_review(desk, SUMMARIZE)
        await desk.decide("e")
        await desk.until(lambda: desk.app.reason_against(APPROVE))
        await desk.look_at_draft(SECONDS_UNASKED)
        await desk.decide("a")
        assert "A check forbids to approve this draft. Edit it, or send it back with a reason." in desk.notices
        assert saved(desk) == []


async def test_who_is_second_is_told_who_was_first(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_review(desk, SUMMARIZE)
        review = desk.desk.card.content.review
        assert review is not None
        await desk.session.inbox.decide(review.question_id, Decision(DecisionKind.REJECT))
        desk.desk.perform(APPROVE)  # before the card was read again
        await desk.until(lambda: any("Already answered by ada" in notice for notice in desk.notices))
        assert saved(desk) == []


async def test_going_on_takes_the_decision_keys_away_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with console(tmp_path) as desk:
        await at_review(desk, SUMMARIZE, GENERATE)
        first, store, may_go_on = desk.desk.card.content.job, desk.session.store, asyncio.Event()
        read = store.rows_after

        async def read_slowly(*arguments: Any) -> Any:
            await may_go_on.wait()
            return await read(*arguments)

        monkeypatch.setattr(store, "rows_after", read_slowly)
        await desk.press("n")
        await desk.decide("a")  # long after n, and alone
        assert desk.notices == ["The card of the selected task is still being read."]
        may_go_on.set()
        await desk.until(lambda: desk.desk.card.content.review and desk.desk.card.content.job != first, "the next one")
        assert (desk.desk.queue.counts or QueueCounts()).needs_you == 2
        assert saved(desk) == []
        await desk.look_at_draft()
        await desk.decide("a")
        await desk.until(lambda: len(saved(desk)) == 1, "a saved node")
        left = await desk.session.store.row(first)
        assert left is not None
        assert left.state == "paused"


async def test_a_question_is_answered_from_anywhere_and_from_its_card(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(NO_LANGUAGES)
        await until_needs(desk, 1)
        await until_card(desk, "task-9 asks")
        for key in ("o", "enter"):
            await desk.press(*(["enter", key] if key == "enter" else [key]))
            await desk.until_open(QuestionModal)
            await desk.press("escape")
            await desk.until(lambda: desk.app.screen is desk.desk)
        await desk.press("o")
        await desk.until_open(QuestionModal)
        await desk.answer(*"de-", "greater_than_sign", *"en")
        await desk.until(lambda: desk.desk.card.content.review is not None, "the draft that follows the answer")


async def test_a_failed_task_says_why_and_is_retried_by_its_key(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive({"id": "long", "taskName": "x" * 1_000_000, "llmTaskType": "summarize"})
        await desk.until(lambda: "It can be retried" in desk.text() and "y retry" in desk.text())
        await desk.decide("y")
        await desk.until(lambda: "in run 2" in desk.text())


async def test_export_says_where(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.decide("x")
        await desk.until(lambda: any(".jsonl" in notice for notice in desk.notices))
        said, folder, name = next(notice for notice in desk.notices if ".jsonl" in notice).splitlines()
        assert said == "This session was exported to"
        path = Path(folder, name)
        assert json.loads((await asyncio.to_thread(path.read_text)).splitlines()[0])


# --- the queue


async def test_a_million_rows_are_walked_in_small_windows() -> None:
    store, clock = LongQueue(1_000_000), HandClock()
    app = QueueApp(store, clock)
    async with app.run_test(size=(60, 20)) as pilot:
        queue = app.queue

        async def until_at(number: int) -> None:
            for _ in range(500):
                if queue.selected is not None and queue.selected.job == number:
                    return
                await pilot.pause(0.005)
            raise AssertionError(f"at {queue.selected}, not {number}")

        await until_at(1)
        queue.move_bottom()
        await until_at(1_000_000)
        queue.move_up()
        queue.move_page_up()
        await until_at(1_000_000 - 1 - (queue.list_height - 1))
        queue.move_top()
        await until_at(1)
        for number in range(2, 3 * MARGIN):  # beyond the first window, one row at a time
            queue.move_down()
            await asyncio.sleep(0)  # as between two keys
            await until_at(number)
        assert store.most_rows <= 2 * MARGIN


async def test_the_cursor_stays_on_its_job_and_its_line_when_rows_come_in_above() -> None:
    store, clock = LongQueue(5_000), HandClock()
    store.first = 1_000
    app = QueueApp(store, clock)
    async with app.run_test(size=(60, 20)) as pilot:
        queue = app.queue
        while queue.selected is None:
            await pilot.pause(0.005)
        for _ in range(30):
            queue.move_down()
        await pilot.pause()
        selected, line = queue.selected, queue._line_of(queue._cursor) - queue._top
        store.first, store.length = 900, 5_100
        queue.rows_changed()
        clock.seconds += 1
        queue.tick()
        while (queue.counts or QueueCounts()).waiting != 5_100:
            await pilot.pause(0.005)
        assert queue.selected == selected
        assert queue._line_of(queue._cursor) - queue._top == line


async def test_the_filter_shows_what_matches_and_takes_letters_as_letters(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(SUMMARIZE, GENERATE, TRANSLATE)
        await until_needs(desk, 3)
        await desk.press("slash")
        await desk.press(*"email")
        await desk.until(lambda: "1 match" in desk.text())
        assert "task-2 AI" in desk.text()
        assert "Translation of" not in desk.text()
        await desk.press("q", "a")
        await desk.until(lambda: "nothing contains “emailqa”" in desk.text())
        await desk.press("escape")
        await desk.until(lambda: "3 need you" in desk.text())
        assert desk.desk.focused is desk.desk.queue


# --- the feed


async def test_what_comes_too_fast_is_counted_not_shown() -> None:
    bridge = Bridge(capacity=100)
    for number in range(1_000):
        bridge.listen(Signal("task.queued", {"n": number}))
    taken = bridge.take()
    assert taken is not None
    assert (len(taken.signals), taken.received, taken.dropped) == (100, 1_000, 900)
    assert taken.signals[-1].payload["n"] == 999
    assert bridge.take() is None


async def test_the_last_of_a_burst_is_shown_though_nothing_follows_it(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        for burst in range(3):
            for number in range(500):
                emit_signal("custom.progress", {"step": f"{burst}-{number}"})
            last = f"step={burst}-499"
            await desk.until(partial(_is_shown, desk, last), "The last signal")


def _is_shown(desk: Console, text: str) -> bool:
    return text in desk.text()


async def test_the_feed_follows_until_somebody_scrolls_and_then_stays() -> None:
    class FeedApp(App[None]):
        feed = SignalFeed()

        def get_theme_variable_defaults(self) -> dict[str, str]:
            return variable_defaults()

        def compose(self) -> ComposeResult:
            yield self.feed

    app = FeedApp()
    async with app.run_test(size=(100, 10)) as pilot:
        feed = app.feed

        def shown() -> list[str]:
            return [feed.render_line(y).text for y in range(feed.size.height)]

        feed.add([Signal("llm.token", {"n": number}) for number in range(50)], 0)
        await pilot.pause()
        assert "n=49" in shown()[-1]
        feed.move_up()
        feed.add([Signal("llm.token", {"n": number}) for number in range(50, 70)], 5)
        await pilot.pause()
        assert "n=48" in shown()[-1]
        assert "5 too fast to show · / filter · paused, 21 newer, G follows" in feed._subtitle
        feed.search = "n=6"
        feed.search_changed()
        assert [line.rpartition("n=")[2].strip() for line in shown()[:2]] == ["6", "60"]
        assert "11 match · paused, 1 newer" in feed._subtitle
        feed.search = ""
        feed.search_changed()
        assert any(line.rstrip().endswith("n=68") for line in shown())
        feed.move_bottom()
        feed.search = "n=6"
        feed.search_changed()
        assert [line.rpartition("n=")[2].strip() for line in shown()[-2:]] == ["68", "69"]
        assert "11 match" in feed._subtitle


# --- strangers' strings


async def test_no_stranger_reaches_the_terminal_or_an_action(tmp_path: Path) -> None:
    task = {"id": HOSTILE, "taskName": HOSTILE, "llmTaskType": HOSTILE, "priority": HOSTILE, HOSTILE: [HOSTILE]}
    long_line = {"id": "long", "taskName": "x" * 1_000_000, "llmTaskType": "summarize"}
    async with console(tmp_path) as desk:
        await desk.receive(task, long_line)
        await until_needs(desk, 1)
        desk.session.bus.emit(Observation(HOSTILE, {HOSTILE: HOSTILE}, "error"))
        await desk.press("l")
        for _ in range(2):
            await desk.until(lambda: "[@click=app.quit]" in desk.text())
            for character in desk.text().replace("\n", ""):
                assert unicodedata.category(character) not in ("Cc", "Cf", "Cs"), hex(ord(character))
            await desk.press("n", "enter", "l")
        assert "a[0] = b[i]" in desk.text()
        desk.app.say(HOSTILE, "error")
        await desk.pilot.pause()
        assert desk.app.return_value is None


# --- the look


async def test_a_small_terminal_stacks_the_panes_and_a_large_one_shows_the_hub(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        assert not desk.desk.hub.display
        assert "? help  ^p palette" in desk.text()
        assert desk.desk.queue.region.width == 80
        await desk.pilot.resize_terminal(120, 40)
        await desk.until(lambda: desk.desk.hub.display)
        assert "press c to choose a hub" in desk.text()


async def test_zoom_gives_one_pane_the_desk_and_escape_takes_it_back(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.press("tab", "plus")
        assert desk.desk.card.region.width == 120
        assert not desk.desk.queue.display
        await desk.press("tab")
        await desk.until(lambda: desk.desk.feed.region.width == 120)
        assert not desk.desk.card.display
        await desk.press("escape")
        assert desk.desk.queue.display


async def test_borders_and_marks_can_be_ascii_alone(tmp_path: Path) -> None:
    async with console(tmp_path, plain=True) as desk:
        await desk.receive(SUMMARIZE, NO_LANGUAGES)
        await until_needs(desk, 2)
        await desk.until(lambda: desk.desk.card.content.review is not None)
        text = desk.text().replace("…", "")
        assert text.isascii(), {character for character in text if not character.isascii()}


async def test_a_chosen_theme_is_remembered(tmp_path: Path) -> None:
    remembered: list[str] = []
    async with console(tmp_path, remember_theme=remembered.append) as running:
        running.app.wear_theme("paper")
        assert (running.app.theme, remembered) == ("paper", ["paper"])


async def test_help_lists_the_keys_that_are_bound(tmp_path: Path) -> None:
    async with console(tmp_path, key_overrides={"review.approve": "A"}) as desk:
        await desk.press("question_mark")
        await desk.until_open(HelpModal)
        assert "Approve the draft" in desk.text()
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.desk)
        await at_review(desk, SUMMARIZE)
        await desk.press("a")
        await desk.pilot.pause()
        assert saved(desk) == []
        await desk.decide("A")
        await desk.until(lambda: saved(desk) == ["summarize_blog_post"])


def test_without_colour_what_stands_out_is_reversed() -> None:
    dark = Color.parse("#12161c")
    badge = Segment("needs you", Style(color="#12161c", bgcolor="#f1c55c", bold=True))
    text = Segment("text", Style(color="#cdd9e5", bgcolor="#12161c"))
    shown = [segment.style for segment in WithoutColor().apply([badge, text], dark)]
    assert all(style and style.color and style.color.is_default for style in shown)
    assert [bool(style and style.reverse) for style in shown] == [True, False]


# --- fragments


def test_every_action_has_a_key_of_its_own_where_it_works() -> None:
    table = Keymap(ACTIONS)
    for action in ACTIONS:
        for pane in action.panes or ("queue", "card", "feed", "hub"):
            for key in action.keys:
                assert table.find(pane, key) is action
    with pytest.raises(ConfigError, match=r"attention\.next"):
        with_own_keys(ACTIONS, {"review.approve": "n"})


def test_code_that_grows_looks_as_if_it_had_come_at_once() -> None:
    code = (
        '"""A doc\nstring."""\nimport json\n\ndef main():\n'
        "    x = f\"a{1}\" + '''b\n  c''' # done\n    return None\n"
    )
    grown = CodeDocument()
    grown.row_count(20)
    for end in range(len(code) + 1):
        grown.update(code[:end])
    whole = CodeDocument(code)
    rows = range(whole.row_count(20))
    assert grown.row_count(20) == whole.row_count(20)
    assert [grown.row(index, 20) for index in rows] == [whole.row(index, 20) for index in rows]
    styles = {text: style for index in rows for text, style in whole.row(index, 20).fragments}
    wanted = {"import": "code.keyword", "None": "code.constant", "main": "code.function", "  c'''": "code.string"}
    assert {text: styles[text] for text in wanted} == wanted


@pytest.mark.parametrize("text", ["x" * 300, "a b " * 90, "漢字" * 80, "e\u0301" * 90, " " * 100, "漢"])
def test_wrapping_hides_nothing(text: str) -> None:
    rows = wrap([(text, "text"), (text, "dim")], 17)
    assert "".join(fragment for row in rows for fragment, _ in row) == text * 2
    assert all(sum(width_of(fragment) for fragment, _ in row) <= 17 for row in rows)
    assert width_of(fit(text, 9)) <= 9


def test_findings_that_do_not_fit_are_counted() -> None:
    phrases = [[(f"finding {number}", "text")] for number in range(12)]
    rows = set_out(phrases, 40)
    assert len(rows) == 2
    shown = sum(text.startswith("finding") for row in rows for text, _ in row)
    assert rows[-1][-1][0] == f"   +{12 - shown} more"
    assert all(sum(width_of(text) for text, _ in row) <= 40 for row in rows)


async def test_next_as_the_first_key_goes_to_the_first_task_that_waits(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(SUMMARIZE, GENERATE)
        await desk.until(lambda: desk.desk.queue.counts and desk.desk.queue.counts.needs_you == 2)
        await desk.until(lambda: desk.desk.queue.selected and desk.desk.queue.selected.state == "paused")
        first = (await desk.session.store.rows_after(None, 1))[0].job
        await desk.press("n")
        await desk.until(lambda: desk.desk.queue.selected and desk.desk.queue.selected.job == first)
        await desk.press("n")
        await desk.until(lambda: desk.desk.queue.selected and desk.desk.queue.selected.job != first)
