"""One file per word that a person types after `gov`."""
