"""Reach of networks whose maps are known, and of published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from l2xbench import load_model
from l2xbench.data.pairs import ImagePair, LoadedPair
from l2xbench.studies.reach.compute import compute, spread_of
from l2xbench.studies.shared.patches import SquarePatch
from l2xbench.zoo.network import Network

WINDOW = (60, 60, 64, 64)
"""Rows and columns 60 to 123 of the LR image img_005 of Urban100."""


def options(places: list[list[int]], size: int, scale: int, **settings: Any) -> dict[str, Any]:
    return {"places": places, "size": size, "scale": scale, "seed": 0, "map": {"method": "l2x", **settings}}


class Spreading(nn.Module):
    """Every SR pixel is its LR pixel and half of the one nine rows below."""

    scale = 2

    def forward(self, lr: Tensor) -> Tensor:
        below = torch.roll(lr, -9, dims=2)
        return (lr + 0.5 * below).repeat_interleave(2, 2).repeat_interleave(2, 3)


def test_a_linear_network_has_its_closed_form() -> None:
    lr = np.full((24, 24, 3), 100, np.uint8)
    # the patch covers LR rows 4 and 5, columns 8 and 9; nine rows below lies 13 and 14
    found = compute(Spreading(), LoadedPair("made", lr, None, "ab" * 32), options([[16, 8]], 4, 2, reference="black"))
    assert found.values["outside"] == [pytest.approx(1 / 3)]
    assert found.values["beyond"][0] == pytest.approx([1 / 3, 1 / 3, 0])
    assert found.values["radii"] == [[0.5, 9.5, 9.5]]
    curve = np.array(found.values["curve"][0])
    # rows 13 and 14 are 8.5 and 9.5 from the middle of rows 4 and 5
    assert curve[:10] == pytest.approx([1, *8 * [1 / 3], 1 / 6])
    assert curve[10:] == pytest.approx(0) and len(curve) == 20


def test_a_map_of_zeros_has_no_reach() -> None:
    found = spread_of(np.zeros((3, 8, 8)), SquarePatch(8, 8, 8), 4)
    assert np.isnan([found.outside, *found.beyond, *found.radii, *found.curve]).all()


def published(shared: Path, name: str) -> Network:
    files = {"CARN-M": "carn_m_multiscale.pth", "DCTLSA": "dctlsa_x4.pt", "DAT-light": "dat_light_x4.pth"}
    path = shared / "checkpoints" / files[name]
    return load_model("carn-m", weights=path) if name == "CARN-M" else load_model(path)


@pytest.mark.parametrize(
    ("name", "outside", "beyond_8", "beyond_16", "diffusion"),
    [
        ("CARN-M", "0.570", "0.0043", "0.0000", "0.97"),
        pytest.param("DCTLSA", "0.575", "0.138", "0.035", "4.34", marks=pytest.mark.slow),
        pytest.param("DAT-light", "0.616", "0.224", "0.155", "9.43", marks=pytest.mark.slow),
    ],
)
def test_published_networks_have_the_figures_known_of_them(
    shared: Path, name: str, outside: str, beyond_8: str, beyond_16: str, diffusion: str
) -> None:
    folder = shared / "data/Urban100/image_SRF_4"
    pair = ImagePair("img_005", folder / "img_005_SRF_4_HR.png", folder / "img_005_SRF_4_LR.png").load(4)
    network = published(shared, name)
    found = compute(network, pair.window(WINDOW, 4), options([[120, 120]], 16, 4, reference="blur")).values
    measured = (found["outside"][0], *found["beyond"][0][1:], found["di"][0])
    told = (outside, beyond_8, beyond_16, diffusion)
    shown = [f"{value:.{len(text) - 2}f}" for value, text in zip(measured, told, strict=True)]
    assert shown == [*told]
