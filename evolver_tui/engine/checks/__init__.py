"""What code can reach, read from its syntax tree without running it."""
