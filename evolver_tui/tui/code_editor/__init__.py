"""Code that is edited in the console: its text, and the area in which it stands."""
