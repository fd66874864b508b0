"""What is served over HTTP: the gateway of chats and the training stream, and what both need."""
