"""Reading existing registry systems: one module per source, one contract.

`adapter` is the contract, `mappings` turns a source's rows into `records`, and `conformance`
is the kit that every adapter must pass. Adapters only read, and they do not know each other.
"""
