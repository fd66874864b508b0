"""The panes of the workflows."""
