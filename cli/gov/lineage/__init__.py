"""Where every column of a statement comes from, and what had a say in it."""
