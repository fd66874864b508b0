"""One answer of a model while it comes: its text, and what it takes."""

from __future__ import annotations

from evolver_tui.core.answer_stream import AnswerStream
from evolver_tui.engine.author.backend import Piece, Prompt, Thinking, Usage
from evolver_tui.engine.author.token_costs import TokenCount, counted, size_of


class Generation:
    """What came of one request so far. What came of one that broke off was written as well, and is paid for."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._written_bytes = 0
        self._usage = Usage()
        self.has_begun = False
        """Whether anything came: a model that refused at once takes nothing."""
        self.answer = AnswerStream()
        self.pieces = 0
        """Pieces of text."""
        self.thinking = 0
        """Characters that the model thought."""

    def take(self, piece: Piece) -> None:
        """Take what came next."""
        self.has_begun = True
        if isinstance(piece, Usage):
            self._usage = piece
        elif isinstance(piece, Thinking):
            self.thinking += piece.characters
            if piece.takes_back:
                self.answer, self.pieces, self._written_bytes = AnswerStream(), 0, 0
            self._written_bytes += piece.characters
        else:
            self.answer.feed(piece)
            self.pieces += 1
            self._written_bytes += size_of(piece)

    @property
    def tokens(self) -> TokenCount:
        """As the provider counted them; an estimate of what came where it did not, or not yet."""
        return counted(self._usage, self._prompt, self._written_bytes)

    @property
    def counted_completion(self) -> int | None:
        """Tokens of the answer as the provider counted them."""
        return self._usage.completion_tokens
