"""Pure functions over arrays: counts at every threshold, averages, ranking metrics, tables."""
