"""Super-resolution and its fidelity: the paper's Table 1."""
