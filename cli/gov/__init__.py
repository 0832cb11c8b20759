"""gov: the governed way into a database."""

__version__ = "0.1.0"
