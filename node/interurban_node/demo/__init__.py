"""Registries to show and test with: a seeded invented one, and a published one by region."""
