"""What a person does, as the session is asked for it: each deed ends in a change on the desk or in a notice."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.node import Risk
from evolver_tui.engine.session import Session
from evolver_tui.tui.editor import edit_text
from evolver_tui.tui.panes.card_content import Review
from evolver_tui.tui.waiting import WaitingDeeds, next_needing

if TYPE_CHECKING:
    from evolver_tui.tui.desk import Desk

Deed = Callable[[], Awaitable[None]]


class Deeds:
    """The desk's actions that need the session. Every one may raise EvolverError, which becomes a notice."""

    def __init__(self, desk: Desk, session: Session) -> None:
        self._desk = desk
        self._session = session
        self._now = desk.settings.monotonic
        self.waiting = WaitingDeeds(desk, session)

    def by_action(self) -> Mapping[str, Deed]:
        """Action id to deed."""
        return {
            **self.waiting.by_action(),
            "review.approve": self.approve,
            "review.reject": self.reject,
            "review.reject_plain": self.reject_plain,
            "review.edit": self.edit,
            "review.respond": self.respond,
            "job.retry": self.retry,
            "job.cancel": self.cancel,
            "intake.pause": self.pause_intake,
            "session.export": self.export,
            "hub.connect": self.connect,
            "hub.retry": self.retry_link,
        }

    # --- reviews

    async def approve(self) -> None:
        """Approve the very bytes that are on the card; at high risk only after a second look."""
        review = self._review()
        if review is None:
            return
        if review.reason_against_approval:
            self._desk.say(review.reason_against_approval, "warning")
            return
        if review.report.risk is Risk.HIGH and not await self._confirmed_high_risk(review):
            return
        await self._decide(review, Decision(DecisionKind.APPROVE, sha256=review.draft.sha256))

    async def reject(self) -> None:
        """Send the draft back with a reason."""
        from evolver_tui.tui.modals import ReasonModal

        review = self._review()
        if review is None:
            return
        modal = ReasonModal(f"Why is {review.draft.node_id} sent back?", now=self._now)
        reason = await self.waiting.show_about(review.question, modal)
        if reason:
            await self._decide(review, Decision(DecisionKind.REJECT, reason=reason))

    async def respond(self) -> None:
        """Send the author words that do not count as a reject."""
        from evolver_tui.tui.modals import ReasonModal
        from evolver_tui.tui.modals.reason_modal import RESPOND

        review = self._review()
        if review is None:
            return
        modal = ReasonModal(f"What do you tell the author of {review.draft.node_id}?", RESPOND, now=self._now)
        words = await self.waiting.show_about(review.question, modal)
        if words:
            await self._decide(review, Decision(DecisionKind.RESPOND, reason=words))

    async def reject_plain(self) -> None:
        """Reject for good, after a confirmation."""
        from evolver_tui.tui.modals import ConfirmModal

        review = self._review()
        if review is None:
            return
        body = "The draft is not saved and the task ends. With r it goes back to the author with a reason instead."
        modal = ConfirmModal(f"Reject {review.draft.node_id}?", body, "reject", now=self._now)
        if await self.waiting.show_about(review.question, modal):
            await self._decide(review, Decision(DecisionKind.REJECT))

    async def edit(self) -> None:
        """Open the draft in the editor; what comes back is checked and reviewed again."""
        review = self._review()
        if review is None:
            return
        if self._desk.settings.editor is None:
            self._desk.say("There is no editor here.", "warning")
            return
        code, command = review.draft.code, self._desk.settings.editor()
        edited = await edit_text(self._desk.app, command, code, f"{review.draft.node_id}.py")
        if edited.rstrip("\n") == code.rstrip("\n"):
            self._desk.say("Nothing was changed, so the draft waits as it is.")
            return
        await self._decide(review, Decision(DecisionKind.EDIT, code=edited), stays=True)

    def _review(self) -> Review | None:
        """The draft that was really read; otherwise a notice says what is in the way."""
        review, reason = self._desk.review_to_decide()
        if review is not None and self.waiting.is_settled(review.question_id):
            return None
        if review is None:
            self._desk.say(reason, "warning")
        return review

    async def _confirmed_high_risk(self, review: Review) -> bool:
        from evolver_tui.tui.modals import ConfirmModal

        reach = ", ".join(review.report.capabilities) or "nothing beyond its input"
        body = f"The checks call its risk high. It can reach: {reach}."
        confirm = ConfirmModal(f"Approve {review.draft.node_id}?", body, "approve", now=self._now)
        return await self.waiting.show_about(review.question, confirm) is True

    async def _decide(self, review: Review, decision: Decision, *, stays: bool = False) -> None:
        """Send a decision once, then go on to what needs a person next; an edit stays with its job."""
        row = self._desk.queue.selected
        try:
            with self.waiting.settling(review.question_id):
                await self._session.decide(review.question_id, decision)
        finally:
            self._desk.queue.rows_changed()
            self._desk.reload_card()
        if not stays:
            following = await next_needing(self._session.store, row)
            if following is not None:
                self._desk.queue.select(following)

    async def retry(self) -> None:
        """Queue the selected failed job again."""
        row = self._desk.queue.selected
        if row is not None:
            await self._session.retry(row.job)
            self._desk.queue.rows_changed()

    async def cancel(self) -> None:
        """End the selected job for good, after a confirmation."""
        from evolver_tui.tui.modals import ConfirmModal

        row = self._desk.queue.selected
        if row is None:
            return
        body = f"{row.task_name}\n\nThe task ends for good, whatever it waits for or is doing. Nothing is saved."
        modal = ConfirmModal(f"Cancel {row.task_id}?", body, "cancel it", keep_label="keep it", now=self._now)
        if not await self._desk.app.push_screen_wait(modal):
            return
        question = await self._session.store.open_question_of(row.job)
        with self.waiting.settling(question.id) if question is not None else contextlib.nullcontext():
            await self._session.cancel(row.job)
        self._desk.queue.rows_changed()
        self._desk.reload_card()

    # --- the session

    async def pause_intake(self) -> None:
        """Hold the hub's tasks back, or take them again."""
        paused = not self._session.intake_paused
        self._session.pause_intake(paused)
        self._desk.say("Intake is paused: the hub holds its tasks back." if paused else "Tasks are taken again.")

    async def export(self) -> None:
        """Write this session's log."""
        path = await self._session.export("jsonl")
        self._desk.say(f"This session was written to {path}")

    async def connect(self) -> None:
        """Choose a hub and connect to it."""
        from evolver_tui.tui.modals import ConnectModal

        choice = await self._desk.app.push_screen_wait(ConnectModal(self._desk.settings.remembered_url, now=self._now))
        if choice is not None:
            await self.connect_to(None if choice.is_sample else choice.url)
            if not choice.is_sample and self._desk.settings.remember_url is not None:
                self._desk.settings.remember_url(choice.url)

    async def connect_to(self, url: str | None) -> None:
        """Connect to a hub, or with None to the sample hub."""
        is_sample = url is None
        if url is None:
            if self._desk.settings.sample_hub is None:
                self._desk.say("There is no sample hub here.", "warning")
                return
            url = await self._desk.settings.sample_hub()
        await self._session.connect(url)
        self._desk.hub_chosen(is_sample)

    async def retry_link(self) -> None:
        """Connect now instead of waiting."""
        self._session.retry_link()
