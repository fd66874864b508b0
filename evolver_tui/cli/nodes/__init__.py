"""`evolver-tui run` and `evolver-tui nodes`."""
