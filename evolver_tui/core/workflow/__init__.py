"""Chats over a broker: what is asked, what streams back, and where it goes. Pure Python."""
