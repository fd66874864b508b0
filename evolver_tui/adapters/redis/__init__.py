"""Redis: which pods have a connection of which chat."""
