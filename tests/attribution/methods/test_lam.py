"""LAM's published variant against what its authors' code gave: diffusion indices and signed maps on CARN-M.

Where the SR image is nearly flat, the norm's derivative is the direction of a difference of a few float32 roundings, so
that other convolution kernels give other values there. oneDNN chooses its kernels by the processor; the golden maps are
those of its AVX2 ones. With these, in a process of one thread that is told to use them, all eight maps agree within
2.1e-6 of their maximum; with AVX-512 kernels 0.3 % of the values are up to 6e-4 off.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import l2xbench
from l2xbench.attribution import AttributionError, explain
from l2xbench.attribution.methods.lam import _blur, _published_blur, gradient_norm, published_gradient_norm
from l2xbench.data.degradations import degrade
from l2xbench.data.images import read_image, to_tensor
from tests.attribution.small import small_sr

CASES = range(8)
KERNELS = "AVX2"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ProcessPoolExecutor]:
    """A process of one thread whose convolutions are those that the golden maps were made with."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip(f"the golden maps are of {KERNELS} kernels, which this processor does not have")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONEDNN_MAX_CPU_ISA", KERNELS)
        patch.setenv("OMP_NUM_THREADS", "1")
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            pool.submit(int).result()
            yield pool


@cache
def carn_m(weights: Path) -> nn.Module:
    return l2xbench.load_model("carn-m", weights=weights)


def published_map(shared: Path, case: dict[str, Any]) -> tuple[np.ndarray, str]:
    """The signed map (3, H, W) of a golden case, and the kernels that this process may use."""
    torch.set_num_threads(1)
    folder, name = case["image"].split("/")
    hr = read_image(shared / f"data/{folder}/image_SRF_4/{name}_SRF_4_HR.png")
    (top, left), side, window = case["hr_crop_top_left"], case["hr_crop"], case["window"]
    lr = to_tensor(degrade(hr[top : top + side, left : left + side], 4, "pillow"))
    target = f"patch:{case['h']},{case['w']},{window},{window}"
    network = carn_m(shared / "checkpoints/carn_m_multiscale.pth")
    found = explain(network, lr, method="lam", variant="published", target=target)
    return found.values[0].numpy(), os.environ["ONEDNN_MAX_CPU_ISA"]


@pytest.mark.slow
@pytest.mark.parametrize("number", CASES)
def test_the_published_codes_numbers(shared: Path, elsewhere: ProcessPoolExecutor, number: int) -> None:
    cases = json.loads((shared / "golden/lam_carn_m.json").read_text())
    assert len(cases) == len(CASES)
    case = cases[number]
    values, kernels = elsewhere.submit(published_map, shared, case).result()
    assert kernels == KERNELS
    with np.load(shared / "golden/lam_carn_m.npz") as arrays:
        expected = arrays[f"{case['network']}:{case['image']}:{case['w']},{case['h']},{case['window']}"]
    assert abs(values - expected).max() <= 1e-5 * abs(expected).max()
    assert l2xbench.diffusion_index(values) == pytest.approx(case["di"], abs=1e-3)


@pytest.mark.parametrize(("height", "width"), [(24, 20), (5, 3)])
def test_the_paths_images_are_opencvs_and_float64s_to_rounding(height: int, width: int) -> None:
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(2))
    for sigma in (1.2, 0.5, 0.0):
        published = _published_blur(images, sigma, 9)
        assert published.dtype == torch.float32
        torch.testing.assert_close(published.double(), _blur(images, sigma, 9), rtol=0, atol=1e-6)
    torch.testing.assert_close(_published_blur(images, 0.0, 9), images, rtol=0, atol=0)
    single = _published_blur(images[:, :1], 1.2, 9)
    torch.testing.assert_close(single, _published_blur(images, 1.2, 9)[:, :1], rtol=0, atol=1e-6)


class Flat(nn.Module):
    """The mean of 3 x 3 pixels below row 6, and 0 above, where the norm's derivative is not a number."""

    def forward(self, x: Tensor) -> Tensor:
        mean = torch.nn.functional.avg_pool2d(x, 3, stride=1, padding=1)
        mask = torch.ones_like(mean)
        mask[:, :, :6] = 0
        return mean * mask


def test_a_gradient_that_is_not_a_number_is_zero_in_its_pixels_alone() -> None:
    lr = torch.rand(1, 3, 12, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = explain(Flat(), lr, method="lam", variant="published", target="patch:0,0,9,8", steps=5).values
    exact = explain(Flat(), lr, method="lam", target="patch:0,0,9,8", steps=5).values
    assert torch.isfinite(found).all()
    # rows 0 to 4 are flat, so that the derivative of rows 0 to 5 is none; the mean carries it one row further
    assert (found[:, :, :7] == 0).all()
    assert (exact[:, :, 5:7, :8] != 0).all()
    torch.testing.assert_close(found[:, :, 7:], exact[:, :, 7:], rtol=1e-10, atol=1e-14)


def test_variants_differ_only_in_the_last_row_and_column_where_nothing_is_flat() -> None:
    net = small_sr().double()
    lr = torch.rand(1, 3, 12, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    maps = {
        (variant, target): explain(net, lr, method="lam", variant=variant, target=target, steps=6)
        for variant in ("exact", "published")
        for target in ("patch:4,2,10,9", "image")
    }
    inner = [maps[variant, "patch:4,2,10,9"] for variant in ("exact", "published")]
    torch.testing.assert_close(inner[0].values, inner[1].values)
    torch.testing.assert_close(inner[0].delta, inner[1].delta)
    assert not torch.allclose(maps["exact", "image"].values, maps["published", "image"].values)
    images = net(lr).detach()
    torch.testing.assert_close(published_gradient_norm(images), gradient_norm(images)[:, :, :-1, :-1])


def test_the_published_detector_ends_before_the_last_row_and_column() -> None:
    lr = torch.rand(1, 3, 12, 10, generator=torch.Generator().manual_seed(1))
    with pytest.raises(AttributionError, match="last row or column, where the published detector has no differences"):
        explain(small_sr(), lr, method="lam", variant="published", target="neuron:0,23,4", steps=1)
    assert explain(small_sr(), lr, method="lam", target="neuron:0,23,4", steps=1).delta.shape == (1,)


def test_another_variant_is_told_with_the_nearest() -> None:
    with pytest.raises(AttributionError, match=r"option variant 'publishd' does not exist; did you mean 'published'"):
        explain(small_sr(), torch.rand(1, 3, 8, 8), method="lam", variant="publishd")
