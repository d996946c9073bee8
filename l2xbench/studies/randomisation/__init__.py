"""Whether maps depend on what networks have learned (Adebayo et al., 2018)."""
