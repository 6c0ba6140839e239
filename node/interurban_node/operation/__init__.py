"""Making, serving and checking a node: what municipal IT does."""
