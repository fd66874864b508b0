"""The store on SQLModel, on SQLite or PostgreSQL. Importing `database` costs a third of a second: import it late."""
