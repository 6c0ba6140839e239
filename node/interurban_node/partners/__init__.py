"""Other cities' nodes: joining them, pinning their identity, knowing their requests."""
