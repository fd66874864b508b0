"""The statistics: what people decided, how fast, why, and what it cost."""
