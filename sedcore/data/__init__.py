"""Data sets: reading and checking sources, features, the feature store, the built-in demo set."""
