"""The workflows: chats over the broker as they stream, what became of them, and what was put aside."""
