"""What past decisions let one expect of the next one. It helps to read, and decides nothing."""
