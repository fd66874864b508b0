"""How likely a draft is to be approved, going by what was decided before, and how well that was told so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

FEWEST_DECISIONS: Final = 30
"""Below that nothing is told."""
_CLEARLY_BETTER: Final = 0.95
"""Of the error of somebody who tells the share alone: chance alone comes near to it."""


class Reason(NamedTuple):
    """What speaks for or against it."""

    words: str
    """E.g. `opens files`."""
    weight: float
    """In log odds; above 0 it speaks for an approval."""


class Estimate(NamedTuple):
    """An expectation of one draft's decision."""

    probability: float
    """That it is approved as it is."""
    reasons: Sequence[Reason] = ()
    """Those that weigh most, first."""


class EstimateRecord(NamedTuple):
    """How good the estimates were that were made before each decision."""

    decisions: int
    """That were learned from."""
    approved: int
    """Of those."""
    brier: float
    """The mean squared error of the estimates; 0 is perfect."""
    base_brier: float
    """The same for somebody who always tells the share of approvals so far."""

    @property
    def is_shown(self) -> bool:
        """Whether there were enough decisions for an estimate to be of use."""
        return self.decisions >= FEWEST_DECISIONS

    @property
    def is_better_than_the_share(self) -> bool:
        """Whether the estimates told clearly more than the share of approvals alone does."""
        return self.is_shown and self.brier < _CLEARLY_BETTER * self.base_brier
