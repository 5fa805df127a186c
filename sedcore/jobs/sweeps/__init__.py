"""Sweeps: searches over models, features and hyperparameters, whose trainings are queued runs. Optuna samples,
prunes and remembers; it is loaded only where a sweep is worked on."""
