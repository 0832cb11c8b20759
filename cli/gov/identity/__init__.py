"""Who is asking: from claims to principals. Knows no network."""
