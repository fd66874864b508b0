"""The desk: queue, card, signals and hub beside each other."""
