"""Tables in, Plotly figures out; usable in a notebook too. Nothing here knows the pages."""
