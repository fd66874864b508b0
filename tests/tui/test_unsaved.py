"""What a person gave while the database was away: it is not thrown away, and the console says that it is not kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver_tui.core.decision import DecisionKind
from evolver_tui.tui.modals import ConfirmModal, EditModal, QuestionModal, ReasonModal
from tests.support.away_database import console_on
from tests.support.databases import sql
from tests.support.desk_fixtures import Console, console
from tests.support.servers import PostgreSQLServer
from tests.support.sessions import SUMMARIZE
from tests.support.waiting_fixtures import ASKS, hear, question_about, until_back, until_needs, until_open

pytestmark = pytest.mark.anyio

DE_EN = (*"de-", "greater_than_sign", *"en")
NOT_KEPT = "! Not kept. The database "
AGAIN = "Press the key again, or esc to leave it."


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgreSQLServer]:
    """A server that a test may end and start."""
    server = PostgreSQLServer()
    yield server
    server.close()


@pytest.fixture
def server(own_server: PostgreSQLServer) -> Iterator[PostgreSQLServer]:
    """The same, running before and after."""
    yield own_server
    own_server.start()


def words_of(desk: Console) -> str:
    """What stands on the screen, without its lines' ends and frames."""
    return " ".join(desk.text().replace("│", " ").split())


async def review_on_card(desk: Console) -> None:
    await desk.receive(SUMMARIZE)
    await until_needs(desk, 1)
    await desk.until(lambda: desk.desk.card.content.review is not None, "a review on the card")
    await desk.press("enter")
    desk.clock.seconds += 1


async def test_an_answer_stays_typed_until_the_database_has_it(tmp_path: Path, server: PostgreSQLServer) -> None:
    async with console_on(tmp_path, server) as desk:
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.press("o")
        await until_open(desk, QuestionModal)
        await desk.press(*DE_EN)
        modal = desk.app.screen
        server.stop()
        for _ in range(2):
            await desk.answer()
            await desk.until(lambda: NOT_KEPT in words_of(desk), "that it is not kept")
            assert AGAIN in words_of(desk)
            assert "de->en" in desk.text()
            assert desk.app.screen is modal
        server.start()
        await desk.answer()
        await until_back(desk)
        await desk.until(lambda: desk.desk.card.content.review is not None, "the draft")
        journal = await desk.session.store.journal((await question_about(desk, "task-9")).job)
        assert journal["details"]["content"] == {"languages": "de->en"}


async def test_who_leaves_it_is_asked_again(tmp_path: Path, server: PostgreSQLServer) -> None:
    async with console_on(tmp_path, server) as desk:
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.press("o")
        await until_open(desk, QuestionModal)
        server.stop()
        await desk.decide("f8")
        await until_open(desk, ConfirmModal)
        await desk.decide("y")
        await desk.until(lambda: NOT_KEPT in words_of(desk), "that it is not kept")
        await desk.press("escape")
        await until_back(desk)
        server.start()
        assert (await question_about(desk, "task-9")).question.name == "details"


@pytest.mark.parametrize(("key", "kind"), [("r", DecisionKind.REJECT), ("w", DecisionKind.RESPOND)])
async def test_words_to_the_author_stay_typed(
    tmp_path: Path, server: PostgreSQLServer, key: str, kind: DecisionKind
) -> None:
    async with console_on(tmp_path, server) as desk:
        await review_on_card(desk)
        asked = await question_about(desk, "task-1")
        await desk.decide(key)
        await until_open(desk, ReasonModal)
        await desk.press(*"shorter")
        server.stop()
        await desk.answer()
        await desk.until(lambda: NOT_KEPT in words_of(desk), "that it is not kept")
        assert "shorter" in desk.text()
        server.start()
        await desk.answer()
        await until_back(desk)
        (pause, *_) = await desk.session.store.pauses_of(asked.job)
        assert pause.answer is not None
        assert (pause.answer["kind"], pause.answer["reason"]) == (kind.value, "shorter")


@pytest.mark.parametrize("key", ["a", "R"])
async def test_a_decision_that_was_not_written_is_said_and_its_card_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: PostgreSQLServer, key: str
) -> None:
    async with console_on(tmp_path, server) as desk:
        await review_on_card(desk)
        heard = hear(desk, monkeypatch)
        if key == "R":
            await desk.decide(key)
            await until_open(desk, ConfirmModal)
        server.stop()
        await desk.decide("y" if key == "R" else key)
        await desk.until(lambda: any(words.startswith("Your decision was not kept.") for words in heard))
        assert any(words.endswith("Decide again.") for words in heard)
        assert desk.app.screen is desk.desk
        assert desk.desk.card.content.review is not None
        server.start()
        assert (await question_about(desk, "task-1")).question.name == "review 1"


async def test_edited_code_is_in_the_editor_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: PostgreSQLServer
) -> None:
    async with console_on(tmp_path, server, "# mine\n") as desk:
        await review_on_card(desk)
        asked = await question_about(desk, "task-1")
        heard = hear(desk, monkeypatch)
        server.stop()
        await desk.decide("e")
        await desk.until(lambda: any("What you wrote is in the editor when you open it" in words for words in heard))
        server.start()
        await desk.decide("e")
        await desk.until(lambda: (review := desk.desk.card.content.review) and "# mine" in review.draft.code)
        (pause, *_) = await desk.session.store.pauses_of(asked.job)
        assert pause.answer is not None
        assert pause.answer["code"].endswith("# mine\n# mine\n")


async def test_code_that_was_mended_here_stays_typed(tmp_path: Path, server: PostgreSQLServer) -> None:
    async with console_on(tmp_path, server) as desk:
        await review_on_card(desk)
        asked = await question_about(desk, "task-1")
        await desk.decide("E")
        await until_open(desk, EditModal)
        await desk.press(*"mine")
        server.stop()
        await desk.decide("ctrl+s")
        await desk.until(lambda: NOT_KEPT in words_of(desk), "that it is not kept")
        assert "mine" in desk.text()
        server.start()
        await desk.decide("ctrl+s")
        await until_back(desk)
        (pause, *_) = await desk.session.store.pauses_of(asked.job)
        assert pause.answer is not None
        assert pause.answer["code"].startswith("mine")


async def test_a_question_that_nobody_can_read_can_be_declined(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        file = desk.place.database_file
        assert file is not None
        sql(f"sqlite:///{file}", "UPDATE question SET form_json = '\"nonsense\"'")
        await desk.press("o")
        await until_open(desk, QuestionModal)
        assert "! A question's schema has to be an object with properties. Decline it, or" in words_of(desk)
        await desk.press("enter")
        assert isinstance(desk.app.screen, QuestionModal)
        await desk.decide("f8")
        await until_open(desk, ConfirmModal)
        await desk.decide("y")
        await until_back(desk)
        await until_needs(desk, 0)
