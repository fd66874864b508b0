"""Training runs: how far each is, its metrics as a plot, and what happened."""
