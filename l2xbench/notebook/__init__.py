"""For Python sessions and notebooks: whole studies, comparisons of networks, and results as tables and arrays."""
