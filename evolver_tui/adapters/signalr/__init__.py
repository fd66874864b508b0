"""The link to a SignalR hub."""
