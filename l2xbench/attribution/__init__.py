"""The heart: exact attribution of a network's output to its input.

Knows tensors and modules, nothing of files, models or studies.
"""
