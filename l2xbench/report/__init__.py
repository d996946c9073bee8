"""Tables, figures and the page, made from records; never from a network."""
