"""sedcore: train, score and compare multi-label sound event models.

Importing the package imports nothing heavy; each part is imported where it is used.
"""

__version__ = "0.1.0"
