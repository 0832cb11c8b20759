"""What gov does to a database: catalog, profiles, masked views, roles, one-shot elevation, janitor."""
