"""The panes of the desk, each drawn line by line."""
