"""Which columns look sensitive: from names, types and a few values, with evidence. Pure; samples are arguments."""
