"""How numbers, tables, marks and messages look: what every page draws with."""
