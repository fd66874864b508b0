"""The views of the console, one folder each."""
