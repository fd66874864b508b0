"""The history: past sessions, what they came to, and two of them beside each other."""
