"""Numbers, tables, messages and links, as every page shows them."""
