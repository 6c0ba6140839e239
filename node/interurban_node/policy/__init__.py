"""May this leave the node, for this asker, now? Decided in one place."""
