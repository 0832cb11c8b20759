"""PostgreSQL's wire protocol 3.0 and 3.2 (PostgreSQL manual, part VII), without a socket."""
