"""Spandrel's restoration architectures by name: their size needs, channels and calls are spandrel's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import l2xbench
from l2xbench.errors import RequestError
from tests.zoo.test_load import card

WINDOW = {"embed_dim": 12, "depths": [2], "num_heads": [2], "window_size": 8, "img_size": 16, "upsampler": ""}
SMALL: dict[str, dict[str, Any]] = {
    "NAFNet": {"width": 8, "middle_blk_num": 1, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1]},
    "FFTformer": {"dim": 8, "num_blocks": [1, 1, 1], "num_refinement_blocks": 1},
    "Uformer": {"embed_dim": 8, "depths": [1] * 9, "win_size": 8},
    "DnCNN": {"in_nc": 3, "out_nc": 3, "nc": 8, "nb": 5},
    "KBNet": {"variant": "KBNet_s", "width": 8, "middle_blk_num": 1, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1]},
    "RetinexFormer": {"n_feat": 8},
    "MixDehazeNet": {},
    "SCUNet": {"config": [1] * 7, "dim": 64},
    "SwinIR": {"upscale": 1, **WINDOW},
    "Swin2SR": {"upscale": 1, **WINDOW},
}


@pytest.mark.parametrize("kind", SMALL)
def test_any_size_goes_in_and_comes_out(kind: str) -> None:
    net = l2xbench.load_model(card(provider="spandrel", arch={"type": kind, **SMALL[kind]}), weights="random")
    assert net.scale == 1
    lr = torch.rand(1, 3, 21, 26)
    with torch.no_grad():
        assert net(lr).shape == lr.shape
    assert float(l2xbench.explain(net, lr, reference="mean").completeness_error) < 1e-4


def test_a_grey_network_restores_the_y_channel() -> None:
    """Colour stays what it is: at scale 1 nothing is interpolated."""
    grey = {"type": "DnCNN", "in_nc": 1, "out_nc": 1, "nc": 8, "nb": 5}
    net = l2xbench.load_model(card(provider="spandrel", arch=grey), weights="random")
    assert (net.scale, net.channels) == (1, "y")
    lr = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close((net(lr) - lr).std(1), torch.zeros(1, 9, 7), atol=1e-5, rtol=0)


def test_which_class_of_a_package_is_asked_for() -> None:
    with pytest.raises(RequestError, match="arch.variant: KBNet has no class 'KBNet'; say which: variant: "):
        l2xbench.load_model(card(provider="spandrel", arch={"type": "KBNet"}), weights="random")


def test_several_images_at_a_time_and_a_noise_level_of_the_cards() -> None:
    """Spandrel's call of DRUNet makes a noise map for one image, of 15 / 255."""
    arch = {"type": "DRUNet", "in_nc": 4, "out_nc": 3, "nc": [8, 8, 16, 16], "nb": 2}
    nets = [
        l2xbench.load_model(card(provider="spandrel", arch=arch, **keys), weights="random")
        for keys in ({}, {"extra_channels": [15 / 255]}, {"extra_channels": [0.5]})
    ]
    lr = torch.rand(3, 3, 16, 24)
    with torch.no_grad():
        by_itself, same, other = (net(lr) for net in nets)
        torch.testing.assert_close(by_itself[1:2], nets[0](lr[1:2]))
    torch.testing.assert_close(by_itself, same)
    assert float((by_itself - other).abs().max()) > 1e-4
