"""The structures that this node has adopted: which tables it can build and read."""
