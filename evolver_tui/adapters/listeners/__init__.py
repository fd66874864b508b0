"""Listeners to signals that come along, and the way in for those of other packages."""
