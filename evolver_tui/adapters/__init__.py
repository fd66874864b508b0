"""The outside world, one vendor or medium a file."""
