"""What the reader has chosen, met with the runs on disk."""
