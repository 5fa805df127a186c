"""Queue, workers, Ray clusters and sweeps. Light: TensorFlow runs only in child processes."""
