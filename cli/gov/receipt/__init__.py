"""Receipts: what the broker says, signed, of data that left, and how anybody checks it. `docs/receipts.md`."""
