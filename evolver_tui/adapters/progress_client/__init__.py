"""The client of progress servers."""
