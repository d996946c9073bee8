"""What a finished run hands on: the weights, and the block that its model card carries."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from l2xbench.system.files import write_whole
from l2xbench.zoo.dialects import is_constant
from training.trainer import Trainer


def export_weights(core: nn.Module, path: Path) -> None:
    """The architecture's state as safetensors under its own keys, its floats in float32; constants are left out."""
    whole = {key: value.detach().cpu().contiguous() for key, value in core.state_dict().items() if not is_constant(key)}
    state = {key: value.float() if value.is_floating_point() else value for key, value in whole.items()}
    write_whole(path, save(state, {"format": "pt"}))


def card_block(trainer: Trainer, data: str, validation: Sequence[Path], together: int) -> dict[str, Any]:
    """The card's `training` block. Its `recipe` is what the script reads when the network is trained again.

    Args:
        trainer: at the end of its schedule.
        data: what it was trained on, in words.
        validation: the images held out.
        together: how many networks shared the device, and so the hours.
    """
    recipe = {key: value for key, value in trainer.recipe.as_dict().items() if value is not None}
    gates = {name: float(f"{value:.2g}") for name, value in trainer.gates.items()}
    skipped = sum(row.skipped for row in trainer.rows)
    return {
        "script": "scripts/train.py",
        "recipe": recipe,
        "notes": "L1 loss, Adam, linear warm-up and half a cosine, flips and quarter turns; averaged weights"
        + (f"; {skipped} steps without a finite gradient were left out" if skipped else ""),
        **({"gates": gates} if gates else {}),
        "data": data,
        "validation": {
            "images": [path.name for path in validation],
            "psnr_y": round(float(trainer.rows[-1].val_psnr or 0), 3),
        },
        "hardware": hardware(trainer.device) + (f", shared by {together} networks in training" if together > 1 else ""),
        "torch": str(torch.__version__),
        "hours": round(trainer.seconds / 3600, 2),
    }


def hardware(device: torch.device) -> str:
    """The processor that trained, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    return f"{model}, {torch.get_num_threads()} thread(s)"
