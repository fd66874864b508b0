"""The panes of the statistics."""
