"""Training runs: what is told of them, and what can be computed from that."""
