"""What the reader has chosen, resolved against the runs on disk."""
