"""What is said where there is nothing to see: why, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.text_page import TextPage

if TYPE_CHECKING:
    from evolver_tui.engine.training.source import SourceStanding

OPENING = TextPage((("Looking for runs…", "dim"),))
NOWHERE = TextPage((("Training runs are not watched here.", "strong"),))
_MOST_PLACES = 5


def problem_page(problem: str, key: str) -> TextPage:
    """Why runs cannot be watched.

    Args:
        problem: a sentence with its way out.
        key: what tries it again, as a person reads it.
    """
    return TextPage(
        (
            ("Training runs cannot be watched.", "strong"),
            ("", "text"),
            (safe_text(problem, 2_000), "error"),
            ("", "text"),
            (f"Mend it, then press {key} to try again.", "text"),
        )
    )


def quiet_page(places: Sequence[SourceStanding], key: str) -> TextPage:
    """Nothing has trained so far.

    Args:
        key: what opens a further place, as a person reads it.
    """
    shown = places[:_MOST_PLACES]
    return TextPage(
        (
            ("Nothing has trained here so far.", "strong"),
            ("", "text"),
            ("Three lines in whatever trains, and it shows up here by itself:", "text"),
            ("  import evolver_tui.track as track", "key"),
            ('  track.init(name="my-run", total_steps=1000)', "key"),
            ('  track.log({"loss": loss}, step=step)', "key"),
            ("", "text"),
            (f"Or press {key} and name a folder, a file or a progress server that others write to.", "text"),
            ("", "text"),
            *((f"  {safe_text(each.place, 300)}", "dim") for each in shown),
            *((f"  {safe_text(each.reason, 300)}", "warn") for each in shown if not each.is_up),
            *(((f"  and {len(places) - len(shown):,} more places", "dim"),) if len(places) > len(shown) else ()),
        )
    )
