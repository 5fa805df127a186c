"""Training configuration, the fit loop, and what an epoch records."""
