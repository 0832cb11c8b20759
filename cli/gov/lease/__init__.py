"""Leases: short-lived, scoped permission to open sessions on a target. Knows no database."""
