"""Plotly figures from tables; usable in a notebook as well as on a page."""
