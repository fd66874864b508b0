"""Models: OpenAI-compatible, Anthropic's, and the offline author."""
