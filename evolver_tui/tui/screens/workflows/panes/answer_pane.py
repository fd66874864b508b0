"""The answer: text as it streams."""

from __future__ import annotations

from evolver_tui.tui.drawing.page_pane import PagePane


class AnswerPane(PagePane):
    """A message and its answer, or all of a session."""

    pane_name = "answer"

    def __init__(self, selection_keys: str = "", *, plain: bool = False) -> None:
        super().__init__(selection_keys, plain=plain, id="answer")
        self.set_title("Answer")
