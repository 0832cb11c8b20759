"""Approval requests: bound to one statement, answered by somebody entitled, spent once."""
