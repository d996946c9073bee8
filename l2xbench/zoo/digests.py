"""Hashes of weights: what a network's identity is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import BinaryIO

import torch
from torch import Tensor


def digest(state_dict: Mapping[str, Tensor]) -> str:
    """SHA-256 over the names and values of a state dict."""
    total = hashlib.sha256()
    for name, tensor in sorted(state_dict.items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def file_digest(file: BinaryIO) -> str:
    """SHA-256 of a file."""
    total = hashlib.sha256()
    while block := file.read(2**20):
        total.update(block)
    return total.hexdigest()
