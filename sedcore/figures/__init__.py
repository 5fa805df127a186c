"""Plotly figures from tables and arrays; independent of the pages, usable in a notebook."""
