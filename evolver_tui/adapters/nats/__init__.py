"""NATS: the connection, the requests shared among instances, and what was parked."""
