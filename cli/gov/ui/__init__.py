"""How things look in a terminal: tables, errors, colours, panels. Data on stdout, the rest on stderr."""
