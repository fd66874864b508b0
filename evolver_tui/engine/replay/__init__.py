"""A session shown again from its log: read, folded, played, and presented as the session that it was."""
