"""From the text of a statement to its facts, with PostgreSQL's own grammar. Knows no database."""
