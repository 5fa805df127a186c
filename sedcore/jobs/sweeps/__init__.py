"""Sweeps: searches over models, features and hyperparameters, whose trainings are queued runs. Optuna samples,
prunes and stores points; it is loaded only to advance or read a study."""
