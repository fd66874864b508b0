"""The durable runtime: routines that stop and go on, the worker that runs them, and the lanes it holds them in."""
