"""What persons decided, as files that TRL trains on."""
