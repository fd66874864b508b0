"""The floor of a start: the smallest Textual program."""

from textual.app import App, ComposeResult
from textual.widgets import Static

TEXT = "Hello, World!"


class HelloApp(App[None]):
    """One line of text."""

    def compose(self) -> ComposeResult:
        """The line."""
        yield Static(TEXT)


if __name__ == "__main__":
    HelloApp().run()
