"""What a line and a block of text do with the keys that edit them."""

from __future__ import annotations

from textual.events import Key
from textual.widget import Widget


async def act_in_turn(text: Widget, event: Key) -> None:
    """Do at once what a key means that edits or walks; others are left as they are.

    Textual lets a letter act at once and a key with a binding only after it went up to the app. Where a slow line
    delivers backspace and a letter together, the letter would be what is taken back.

    Args:
        text: a line or block of text, whose handler of keys calls this before Textual's own one.
    """
    if event.key == "enter":  # what it answers waits until it was pressed alone
        return
    for binding in text._bindings.key_to_bindings.get(event.key, ()):  # Textual has no other list of them
        if await text.app.run_action(binding.action, text):
            event.stop()
            event.prevent_default()
            return
