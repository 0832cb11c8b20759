"""Everything on one machine: embedded PostgreSQL, an OIDC provider, a broker, accounts and data."""
