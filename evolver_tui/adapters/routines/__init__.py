"""Routines that are not ours: found, imported, and LangGraph graphs as routines."""
