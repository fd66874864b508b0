"""`evolver-tui progress`: training runs as they are served and watched."""
