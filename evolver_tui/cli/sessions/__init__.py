"""`evolver-tui sessions`."""
