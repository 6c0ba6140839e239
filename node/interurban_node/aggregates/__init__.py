"""Building releases from consenting learners, keeping them, and keeping partners' ones."""
