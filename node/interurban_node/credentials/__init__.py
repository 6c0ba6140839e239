"""Certificates for learners, references for partners, and what ends them."""
