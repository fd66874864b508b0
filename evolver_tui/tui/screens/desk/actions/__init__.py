"""What can be done on the desk: each action beside the function that does it."""
