"""The panes of the view of approved nodes."""
