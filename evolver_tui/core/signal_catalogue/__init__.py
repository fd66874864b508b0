"""Every signal that the program emits, each once: its name, who emits it, its level, the fields of its payload."""
