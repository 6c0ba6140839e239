"""The structures that this node has adopted, and those that came with a proposal."""
