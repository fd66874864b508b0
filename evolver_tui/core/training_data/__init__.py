"""What persons decided, as data to train on."""
