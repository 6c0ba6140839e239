"""Plans and agreements: proposed, signed by all, in force by each node's own verification."""
