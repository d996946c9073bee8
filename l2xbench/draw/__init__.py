"""How figures and tables look; it knows no study."""
