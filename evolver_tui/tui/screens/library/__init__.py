"""The view of approved nodes."""
