"""Whether a map's sums follow the objective (Ancona et al., 2018)."""
