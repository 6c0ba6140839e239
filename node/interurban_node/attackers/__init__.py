"""Attackers: what a hostile reader of everything published could find out about one learner.

The gate runs them before a release is signed; an auditor runs them on release files.
"""
