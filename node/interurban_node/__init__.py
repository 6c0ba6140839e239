"""The service that a city runs: one folder per feature over a thin core."""
