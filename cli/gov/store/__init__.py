"""What the broker keeps: leases and requests in a SQL store, the audit log in files."""
