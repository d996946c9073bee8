"""The golden outputs of the official networks; `shared/golden/README.md` says how they were made."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

NAMES = (
    *("edsr", "edsr_baseline", "mdsr", "carn", "carn_m", "rcan", "drln"),
    *("han", "san", "msrn", "rnan", "swinir", "swinir_light", "swin2sr"),
)


@dataclass(frozen=True)
class Golden:
    """One official network: key -> shape of what the formula fills and of constants; input and output in [0, 1]."""

    weights: dict[str, list[int]]
    fixed: dict[str, list[int]]
    parameters: int
    input: Tensor
    output: Tensor

    def state_dict(self) -> dict[str, Tensor]:
        """The filled weights under the official keys, float64."""
        return {key: weight(key, shape) for key, shape in self.weights.items()}


def read_golden(shared: Path, name: str) -> Golden:
    facts = json.loads((shared / "golden" / f"{name}.json").read_text())
    with np.load(shared / "golden" / f"{name}.npz") as arrays:
        lr, sr = (torch.from_numpy(arrays[key]).double() for key in ("input", "output"))
    return Golden(facts["weights"], facts["fixed"], facts["parameters"], lr, sr)


def card_name(name: str) -> str:
    return name.replace("_", "-")


def weight(key: str, shape: list[int]) -> Tensor:
    z = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    if key.endswith("running_var"):
        z = 1 + 0.1 * abs(z)
    elif key.endswith("gamma"):
        z = 0.1 + 0.02 * z
    elif len(shape) >= 2:
        z = 0.5 * z / np.sqrt(np.prod(shape[1:]))
    elif key.endswith("weight"):
        z = 1 + 0.1 * z
    else:
        z = 0.05 * z
    return torch.from_numpy(np.asarray(z))
