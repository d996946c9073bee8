"""Every restoration architecture of spandrel, tiny and with random weights: run, explained exactly, and checked."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

import l2xbench
from l2xbench.zoo.cards import make_card
from l2xbench.zoo.network import Network

#: Architecture -> arguments that make it small.
TINY: dict[str, dict[str, Any]] = {
    "NAFNet": {"width": 8, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1]},
    "SCUNet": {"dim": 64, "config": [1, 1, 1, 1, 1, 1, 1]},
    "Uformer": {"embed_dim": 8, "depths": [1] * 9, "img_size": 128},
    "FBCNN": {"nc": [8, 8, 16, 512], "nb": 2},
    "FFTformer": {"dim": 8, "num_blocks": [1, 1, 1], "num_refinement_blocks": 1},
    "KBNet_s": {"variant": "KBNet_s", "width": 8, "middle_blk_num": 1, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1]},
    "KBNet_l": {"variant": "KBNet_l", "dim": 24, "num_blocks": [1, 1, 1, 1], "num_refinement_blocks": 1},
    "DRUNet": {"in_nc": 4, "out_nc": 3, "nc": [8, 8, 16, 16], "nb": 2},
    "DnCNN": {"in_nc": 3, "out_nc": 3, "nc": 8, "nb": 3},
    "RetinexFormer": {"n_feat": 8, "stage": 1, "num_blocks": [1, 1, 1]},
    "HVICIDNet": {"channels": [8, 8, 16, 32], "heads": [1, 2, 4, 8]},
    "MixDehazeNet": {"embed_dims": [8, 8, 16, 8, 8]},
    "SwinIR": {"embed_dim": 12, "depths": [1, 1], "num_heads": [2, 2], "upscale": 1},
    "GRL": {
        "embed_dim": 12,
        "depths": [1, 1],
        "num_heads_window": [2, 2],
        "num_heads_stripe": [2, 2],
        "upscale": 1,
    },
    "Restormer": {"dim": 8, "num_blocks": [1, 1, 1, 1], "heads": [1, 1, 2, 2], "num_refinement_blocks": 1},
    "MPRNet": {"n_feat": 8, "scale_unetfeats": 4, "scale_orsnetfeats": 4, "num_cab": 1},
    "MIRNet2": {"n_feat": 16, "n_MRB": 1},
    "M3SNet": {"width": 8, "enc_blk_nums": [1, 1, 1, 1], "dec_blk_nums": [1, 1, 1, 1]},
}
EXTRA = {"Restormer", "MPRNet", "MIRNet2", "M3SNet"}
"""Those of the package spandrel-extra-arches."""


def needs_extra(kind: str) -> Any:
    """Skips where the package of an architecture is not installed."""
    absent = kind in EXTRA and find_spec("spandrel_extra_arches") is None
    return pytest.mark.skipif(absent, reason="needs spandrel-extra-arches")


def entry(kind: str) -> dict[str, Any]:
    """The network as a study has it."""
    arch = {"type": kind.partition("_")[0], **TINY[kind]}
    return {"provider": "spandrel", "arch": arch, "weights": "random"}


def network(kind: str) -> Network:
    card = {**entry(kind), "name": kind.lower(), "weights": None}
    return l2xbench.load_model(make_card(card, source="test", folder=Path()), weights="random")


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=needs_extra(kind)) for kind in TINY])
def test_run_and_explained(kind: str) -> None:
    torch.manual_seed(0)
    net = network(kind)
    assert net.scale == 1
    image = torch.rand(1, 3, 44, 41)
    with torch.no_grad():
        restored = net(image)
    assert restored.shape == image.shape
    found = l2xbench.explain(net, image)
    assert float(found.completeness_error[0]) < 1e-4
    with torch.no_grad():
        difference = (restored - net(found.reference)).abs().sum()
    assert float(found.delta[0]) == pytest.approx(float(difference), rel=1e-3)
