"""Small panels for the tests of figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from l2xbench.draw.panels import HeatmapPanel, NetworkPanel


def panel(
    names: tuple[str, ...] = ("EDSR", "SwinIR"), size: tuple[int, int] = (12, 16), **changes: Any
) -> HeatmapPanel:
    """A ×2 panel of random pictures and maps of both signs."""
    random = np.random.default_rng(0)
    height, width = size
    networks = tuple(
        NetworkPanel(
            name=name,
            sr=random.integers(0, 256, (2 * height, 2 * width, 3), dtype=np.uint8),
            values=random.normal(size=(3, height, width)).astype(np.float32),
            psnr=27.123 + number,
            ssim=0.81234,
            completeness_error=1e-7,
        )
        for number, name in enumerate(names)
    )
    fields: dict[str, Any] = {
        "dataset": "Set5",
        "image": "img_001",
        "scale": 2,
        "lr": random.integers(0, 256, (height, width, 3), dtype=np.uint8),
        "hr": random.integers(0, 256, (2 * height, 2 * width, 3), dtype=np.uint8),
        "networks": networks,
        "method": "l2x",
        "reference": "blur",
        "target": "image",
    }
    return HeatmapPanel(**(fields | changes))
