"""`evolver-tui jobs`."""
