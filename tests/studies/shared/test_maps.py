"""SR images and maps are the same whoever asks, also where memory runs out, and the seconds are the map's alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import l2xbench
from l2xbench.data.images import to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.errors import RequestError
from l2xbench.studies.shared import maps
from l2xbench.studies.shared.inference import OVERLAP
from l2xbench.studies.shared.maps import MapRequest, errors_in_one_line, network_image, network_map
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.network import Network

REQUEST = MapRequest("patch:40,40,16,16", "blur", "l2x")


class Small(nn.Module):
    """One convolution, for which memory suffices up to so many LR pixels."""

    def __init__(self, most: int = 10**9) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 12, 5, padding=2)
        self.most = most

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] * x.shape[-2] > self.most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return nn.functional.pixel_shuffle(self.convolution(x).relu(), 2)


def network(core: nn.Module) -> Network:
    return Network(core, ModelCard(name="mine", provider="module", module="mine:Mine"), scale=2, weights="given")


@pytest.fixture
def pair() -> LoadedPair:
    random = np.random.default_rng(0)
    lr = random.integers(0, 255, (96, 96, 3), np.uint8)
    return LoadedPair("noise", lr, random.integers(0, 255, (192, 192, 3), np.uint8), "digest")


def test_a_map_is_that_of_explain(pair: LoadedPair) -> None:
    mine = network(Small())
    found = network_map(mine, pair.lr, REQUEST.settings(seed=0))
    alone = l2xbench.explain(mine, to_tensor(pair.lr), target=REQUEST.target, reference="blur")
    assert np.array_equal(found.values, alone.values[0].numpy())
    assert found.delta == pytest.approx(float(alone.delta[0]))
    assert found.completeness_error is not None and found.completeness_error < 1e-5
    assert found.tile is None
    control = network_map(mine, pair.lr, REQUEST._replace(method="difference").settings(seed=0))
    assert control.delta is None and control.completeness_error is None


def test_where_memory_runs_out_map_and_image_are_made_in_tiles(pair: LoadedPair) -> None:
    whole, full = network(Small()), network(Small(most=48 * 48))
    found = network_map(full, pair.lr, REQUEST.settings(seed=0))
    assert found.tile == 48 > 2 * OVERLAP
    assert np.allclose(found.values, network_map(whole, pair.lr, REQUEST.settings(seed=0)).values, atol=1e-6)
    image = network_image(full, pair)
    assert image.tile == 48
    assert np.array_equal(image.image, network_image(whole, pair).image)
    assert image.psnr is not None and image.ssim is not None


def test_where_not_even_small_tiles_fit_one_line_says_so(pair: LoadedPair) -> None:
    with pytest.raises(RequestError, match=r"^mine: memory does not suffice"), errors_in_one_line("mine"):
        network_map(network(Small(most=8)), pair.lr, REQUEST.settings(seed=0))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """A clock that moves only when it is told to."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    yield move


def test_the_seconds_of_a_map_are_its_own(
    pair: LoadedPair, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def later(name: str, seconds: float) -> None:
        plain = getattr(maps, name)

        def slow(*arguments: object, **options: object) -> object:
            clock(seconds)
            return plain(*arguments, **options)

        monkeypatch.setattr(maps, name, slow)

    later("explained", 3)
    for name in ("to_tensor", "super_resolve", "to_image"):
        later(name, 100)
    mine = network(Small())
    assert network_map(mine, pair.lr, REQUEST.settings(seed=0)).seconds == 3
    network_image(mine, pair)
    assert network_map(mine, pair.lr, REQUEST.settings(seed=0)).seconds == 3


class Infinite(Small):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / 0


def test_what_is_not_finite_is_an_error(pair: LoadedPair) -> None:
    with pytest.raises(RequestError, match=r"^mine: .*NaN"), errors_in_one_line("mine"):
        network_map(network(Infinite()), pair.lr, REQUEST.settings(seed=0))
    with pytest.raises(ValueError, match="NaN or inf"):
        network_image(network(Infinite()), pair)


def test_an_image_too_small_to_measure_has_no_psnr(pair: LoadedPair) -> None:
    assert network_image(network(Small()), pair.window((0, 0, 6, 6), 2)).psnr is None
