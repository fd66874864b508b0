"""The built-in routine: it has a node written, checked and reviewed."""
