"""Forms that start trainings and sweeps, and what they show while they run."""
