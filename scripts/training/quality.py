"""PSNR of a network on held-out pairs, measured as SR papers report it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from l2xbench.system.compat import import_basicsr
from training.images import Pair


@torch.no_grad()
def mean_psnr(network: nn.Module, pairs: Sequence[Pair], scale: int, device: torch.device) -> float:
    """Mean PSNR in dB: Y channel, a border of `scale` pixels shaved, the output rounded to 8 bits."""
    calculate_psnr = import_basicsr("basicsr.metrics").calculate_psnr
    was_training = network.training
    network.eval()
    total = 0.0
    for pair in pairs:
        lr = pair.lr.to(device).permute(2, 0, 1)[None].float() / 255
        sr = (network(lr)[0].float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        # basicsr's luma is of BGR
        bgr = (np.ascontiguousarray(image[..., ::-1]) for image in (sr, pair.hr.numpy()))
        total += float(calculate_psnr(*bgr, crop_border=scale, test_y_channel=True))
    network.train(was_training)
    return total / len(pairs)
