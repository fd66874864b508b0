"""A SignalR hub to try the console with."""
