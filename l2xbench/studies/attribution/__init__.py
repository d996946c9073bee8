"""Attribution maps: the paper's Fig. 2."""
