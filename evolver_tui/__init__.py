"""A terminal console for people who supervise an agent that writes code."""

__version__ = "0.1.0"
