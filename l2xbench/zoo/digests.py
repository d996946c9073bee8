"""Hashes of weights: what a network's identity is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, BinaryIO

import torch
from torch import Tensor


def digest(data: Mapping[Any, Any]) -> str:
    """SHA-256 over the names and values of a state dict, or of a mapping that holds several."""
    total = hashlib.sha256()
    for name, value in sorted(data.items(), key=lambda item: str(item[0])):
        if isinstance(value, Tensor):
            plain = value.detach().cpu().contiguous()
            plain = torch.view_as_real(plain.resolve_conj()) if plain.is_complex() else plain
            total.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            total.update(plain.reshape(-1).view(torch.uint8).numpy().data)
        elif isinstance(value, Mapping):
            total.update(f"{name} {digest(value)}\n".encode())
        elif isinstance(value, (bool, int, float, str)):
            total.update(f"{name} {value!r}\n".encode())
    return total.hexdigest()


def file_digest(file: BinaryIO) -> str:
    """SHA-256 of a file."""
    total = hashlib.sha256()
    while block := file.read(2**20):
        total.update(block)
    return total.hexdigest()
