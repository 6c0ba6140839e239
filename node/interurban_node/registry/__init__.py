"""The city's records, read from its own systems and kept under learner references only."""
