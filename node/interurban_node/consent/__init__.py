"""What learners were asked, what they answered, and what counts at any time."""
