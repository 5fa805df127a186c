"""The threshold board, tuning, saved thresholds, and the threshold report."""
