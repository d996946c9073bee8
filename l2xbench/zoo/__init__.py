"""From a name to a network: cards, providers, checkpoints."""
