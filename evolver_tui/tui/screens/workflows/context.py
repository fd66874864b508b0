"""What the actions of the workflows may do and ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evolver_tui.tui.context import ViewContext

if TYPE_CHECKING:
    from textual.screen import Screen

    from evolver_tui.core.workflow.standing import ChatMessage
    from evolver_tui.engine.workflow.broker import ParkedRequest
    from evolver_tui.engine.workflow.monitor import WorkflowMonitor
    from evolver_tui.tui.actions import Keymap
    from evolver_tui.tui.desk_settings import DeskSettings
    from evolver_tui.tui.screens.workflows.panes.answer_pane import AnswerPane
    from evolver_tui.tui.screens.workflows.panes.chat_table import ChatTable
    from evolver_tui.tui.screens.workflows.panes.parked_table import ParkedTable


class WorkflowsLayout(Protocol):
    """Which panes are shown, and which one has the focus."""

    @property
    def shows_parked(self) -> bool:
        """Whether parked requests stand in the chats' place."""

    @property
    def shows_conversation(self) -> bool:
        """Whether the answer's page shows all of a session."""

    def show_parked(self, is_shown: bool) -> None:
        """Show parked requests, or chats."""

    def show_conversation(self, is_shown: bool) -> None:
        """Show all messages of the selected one's session, in the whole view."""

    def cycle(self, step: int) -> None:
        """Go to the next pane, or with -1 to the one before."""

    def go_back(self) -> None:
        """Out of the innermost thing: the filter, the selection, the conversation, the parked requests, the answer."""

    def try_again(self) -> None:
        """Connect once more."""

    def draw(self) -> None:
        """Bring everything up to date."""


class WorkflowsContext(ViewContext):
    """The selected message, the selected parked request, and what watches."""

    def __init__(
        self, screen: Screen[None], settings: DeskSettings, keymap: Keymap, chats: ChatTable, parked: ParkedTable,
        answer: AnswerPane, layout: WorkflowsLayout,
    ) -> None:  # fmt: skip
        super().__init__(screen, settings, keymap)
        self.chats = chats
        self.parked = parked
        self.answer = answer
        self.layout = layout
        self.open_monitor: WorkflowMonitor | None = None
        """None until it is open, and where there is none."""
        self.problem = ""
        """Why there is none, as a sentence; empty where it is being opened."""

    @property
    def monitor(self) -> WorkflowMonitor:
        """What watches; asked for only by what can be done with it."""
        assert self.open_monitor is not None
        return self.open_monitor

    def reason_against_use(self) -> str:
        """Why nothing can be done here at present; empty when it can."""
        if self.open_monitor is None:
            return "Chats are not watched: the page says why." if self.problem else "NATS is still being connected to."
        nats = self.open_monitor.services[0]
        return "" if nats.is_up else "NATS is away."

    @property
    def selected(self) -> ChatMessage | None:
        """The message under the cursor, while chats are shown."""
        return None if self.layout.shows_parked else self.chats.selected

    @property
    def selected_parked(self) -> ParkedRequest | None:
        """The parked request under the cursor, while those are shown."""
        return self.parked.selected if self.layout.shows_parked else None

    @property
    def follows(self) -> bool:
        """Whether the newest is gone to by itself."""
        return self.chats.follows

    def toggle_follow(self) -> None:
        """Follow the newest, or stand still."""
        if self.follows:
            self.chats.moved_by_hand()
        else:
            self.chats.follow()
            self.answer.follow()
        self.layout.draw()
