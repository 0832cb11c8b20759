"""Requests and replies between commands and broker, as values with one JSON form."""
