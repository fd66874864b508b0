"""The training stream: Socket.IO, HTTP, server-sent events and a page."""
