"""Nodes on this machine: their library, the processes that run them, and the tools they call."""
