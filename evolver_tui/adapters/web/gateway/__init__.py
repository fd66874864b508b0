"""The gateway: chats over HTTP and server-sent events."""
