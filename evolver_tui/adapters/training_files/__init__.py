"""Training runs that lie in files: this program's own, and those that other programs write."""
