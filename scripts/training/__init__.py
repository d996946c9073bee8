"""Training of the networks that the model cards describe: what `scripts/train.py` is made of."""
