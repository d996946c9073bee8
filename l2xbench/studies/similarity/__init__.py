"""CKA between networks' attributions: the paper's Fig. 3(b)."""
