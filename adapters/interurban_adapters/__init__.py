"""Reading existing registry systems: one module per source, one contract."""
