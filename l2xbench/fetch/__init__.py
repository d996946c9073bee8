"""Checkpoints and datasets from the network into the cache folder, resumable and checked against their hashes."""
