"""How a session stood at any moment, as a pure function of its log."""
