"""Data sets and imports: choosing, looking at clips, what an import understood."""
