"""Masks as IMMUTABLE SQL expressions, for the masked views to compute."""
