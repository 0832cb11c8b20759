"""The trail: entries, the Merkle tree over them, signed checkpoints, verification. Knows no disk."""
