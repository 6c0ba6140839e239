"""Releases for statistical software: SDMX-REST 2 and 1.5 over what each caller may see."""
