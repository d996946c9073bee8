"""The paper's networks that no library has, under their authors' key names."""
