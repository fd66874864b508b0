"""Chats over a broker: requests come in, answers stream back, and whoever watches sees them."""
