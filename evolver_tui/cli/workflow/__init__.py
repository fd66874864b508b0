"""`evolver-tui workflow`: chats over NATS and Redis."""
