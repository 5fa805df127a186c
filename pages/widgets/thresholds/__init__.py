"""The board of sliders, tuning, saved thresholds, and what they are worth."""
