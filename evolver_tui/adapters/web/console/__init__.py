"""The console in a browser: each page has a terminal, and a console of its own in it."""
