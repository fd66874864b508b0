"""The panes of the history."""
