"""Training: configuration, the fit loop, progress and estimates."""
