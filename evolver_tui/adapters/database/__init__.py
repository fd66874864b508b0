"""The store on SQLModel and SQLite. Importing it costs a third of a second: import it late."""

from evolver_tui.adapters.database.database import Database

__all__ = ("Database",)
