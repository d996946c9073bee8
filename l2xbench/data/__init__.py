"""Datasets, image pairs, bicubic, metrics."""
