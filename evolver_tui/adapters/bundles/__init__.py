"""The storages that jobs leave for and come in from."""
