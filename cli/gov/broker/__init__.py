"""The daemon: listens, relays, drives turns, serves the control API. asyncio lives here."""
