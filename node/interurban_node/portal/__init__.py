"""The learner's own pages: one question at a time, what is shared, who used what, stopping."""
