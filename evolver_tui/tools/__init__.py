"""Definitions of the built-in tools: data, not code."""
