"""The room of what rules look for: expressions in the Common Expression Language."""
