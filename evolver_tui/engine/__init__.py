"""What happens next: intake, worker, routine, review, signals, session, export."""
