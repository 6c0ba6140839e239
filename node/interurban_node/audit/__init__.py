"""What was used, what was exchanged, and what must never be undone."""
