"""Tables and figures, made from records; never from a network."""
