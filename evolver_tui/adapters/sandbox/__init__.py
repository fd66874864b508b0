"""Boxes for programs that nobody trusts."""
