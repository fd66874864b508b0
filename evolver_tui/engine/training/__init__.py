"""Training runs as they are served, watched and made."""
