"""Which device a study's networks run on."""

from __future__ import annotations

import torch

from l2xbench.errors import RequestError


def choose_device(wanted: str) -> torch.device:
    """The device that a study names; `auto` is the first GPU, else the CPU.

    Raises:
        RequestError: there is no such device here.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = wanted.partition(":")
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not here.get(kind) or (index and int(index) >= torch.cuda.device_count()):
        raise RequestError(f"device: '{wanted}' is not to be had here; use device: cpu or auto")
    return torch.device(wanted)


def forbid_tf32() -> None:
    """Full float32 on GPUs: TF32's 10 bits of mantissa are too few for differences; a forward pass gains little."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
