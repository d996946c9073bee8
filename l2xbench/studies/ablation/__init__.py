"""Features masked in a map's order: the paper's Sec. 4.2 and Fig. 3(a)."""
