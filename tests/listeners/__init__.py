"""Listeners of the config."""
