"""What goes between nodes: answering, pulling, delivering, receiving."""
