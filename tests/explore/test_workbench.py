"""The networks of the page: answers remembered, dropped when a newer click comes, and errors of one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import l2xbench
from l2xbench.attribution.flow import AROUND
from l2xbench.attribution.spread import diffusion_index
from l2xbench.data.images import to_tensor
from l2xbench.data.pairs import ImagePair, LoadedPair
from l2xbench.errors import RequestError
from l2xbench.explore.workbench import Stopped, Workbench
from l2xbench.studies.shared.maps import MapRequest
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.network import Network

L2X = MapRequest("patch:8,8,8,8", "blur", "l2x")


class Doubling(nn.Module):
    """A network of one factor."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x * self.factor, scale_factor=4, mode="nearest").clamp(0, 1)


class Broken(Doubling):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("first line\nsecond line")


def network(core: nn.Module) -> Network:
    card = ModelCard(name="mine", provider="module", module="mine:Mine")
    return Network(core, card, scale=4, weights="given")


@pytest.fixture
def bench() -> Iterator[Workbench]:
    networks = {"doubling": network(Doubling()), "broken": network(Broken())}
    opened = Workbench({**networks, "edsr": l2xbench.load_model("edsr-compact")})
    yield opened
    opened.close()


@pytest.fixture
def pair(photographs: Path) -> LoadedPair:
    return ImagePair("photo0", photographs / "photo0.png", None).load(4)


def test_a_map_and_its_numbers_are_those_of_explain(bench: Workbench, pair: LoadedPair) -> None:
    answer = bench.explain("edsr", pair, L2X)
    found = l2xbench.explain(bench.networks["edsr"], to_tensor(pair.lr), target=L2X.target)
    assert np.array_equal(answer.found.values, found.values[0].numpy())
    assert answer.found.delta == pytest.approx(float(found.delta[0]))
    assert answer.found.completeness_error is not None and answer.found.completeness_error < 1e-5
    pixels = answer.found.values.sum(axis=0)
    assert answer.positive == pytest.approx(pixels[pixels > 0].sum() / abs(pixels).sum(), rel=1e-5)
    assert answer.diffusion == diffusion_index(answer.found.values)
    assert not bench.networks["edsr"].training


def test_sr_and_maps_are_remembered(bench: Workbench, pair: LoadedPair) -> None:
    first = bench.super_resolve("doubling", pair)
    assert first.image.shape == (40, 48, 3) and first.psnr is not None and first.ssim is not None
    assert bench.super_resolve("doubling", pair) is first
    answer = bench.explain("doubling", pair, L2X)
    assert bench.explain("doubling", pair, MapRequest(*L2X)) is answer
    other = bench.explain("doubling", pair, L2X._replace(target="patch:0,0,8,8"))
    assert not np.array_equal(other.found.values, answer.found.values)
    moved = bench.super_resolve("doubling", pair.window((0, 0, 8, 8), 4))
    assert np.array_equal(moved.image, first.image[:32, :32])


def test_blocks_and_their_maps_are_the_whole(bench: Workbench, pair: LoadedPair) -> None:
    strip = bench.strip("edsr", pair, L2X)
    assert list(strip.written) == [f"body.{number}" for number in range(16)]
    assert sum(strip.written.values()) + strip.around == pytest.approx(1, abs=1e-4)
    assert bench.strip("edsr", pair, MapRequest(*L2X)) is strip
    answer = bench.explain("edsr", pair, L2X)
    parts = [bench.block_map("edsr", pair, L2X, group, names) for group, names in strip.groups.items()]
    around = bench.block_map("edsr", pair, L2X, AROUND, ())
    np.testing.assert_allclose(sum(parts) + around, answer.found.values, atol=1e-4 * np.abs(around).max())
    first = parts[0].sum() / answer.found.delta
    assert first == pytest.approx(strip.written["body.0"], abs=1e-4)
    with pytest.raises(RequestError, match="doubling: layers='blocks': Doubling has no repeated parts"):
        bench.strip("doubling", pair, L2X)
    with pytest.raises(Stopped):
        bench.strip("edsr", pair, L2X._replace(target="image"), lambda: False)


def test_a_window_too_small_to_measure_has_no_psnr(bench: Workbench, pair: LoadedPair) -> None:
    assert bench.super_resolve("doubling", pair.window((0, 0, 4, 4), 4)).psnr is None
    assert bench.super_resolve("doubling", LoadedPair("lr", pair.lr, None, "x")).psnr is None


class Passes:
    """Says that an answer is wanted for so many passes."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.asked = wanted, 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked <= self.wanted


@pytest.mark.parametrize("method", ["integrated_gradients", "lam", "smoothgrad", "occlusion"])
def test_what_is_no_longer_wanted_stops_between_two_passes(bench: Workbench, pair: LoadedPair, method: str) -> None:
    passes = Passes(5)
    with pytest.raises(Stopped):
        bench.explain("doubling", pair, L2X._replace(method=method), passes)
    assert passes.asked == 6
    factor = bench.networks["doubling"].core.factor
    assert isinstance(factor, nn.Parameter) and factor.requires_grad and factor.grad is None
    assert bench.explain("doubling", pair, L2X).found.completeness_error is not None, "the network is as it was"


def test_closing_drops_what_runs_and_what_waits(bench: Workbench, pair: LoadedPair) -> None:
    asked = []

    def wanted() -> bool:
        asked.append(1)
        if len(asked) == 3:
            bench.close()
        return True

    running = bench.submit(bench.explain, "doubling", pair, L2X._replace(method="lam"), wanted)
    with pytest.raises(Stopped):
        running.result(timeout=60)
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("name", "wanted", "expected"),
    [
        ("broken", L2X, "broken: first line second line"),
        ("edsr", L2X._replace(target="patch:100,0,8,8"), "edsr: target 'patch:100,0,8,8' is outside the output"),
        ("edsr", L2X._replace(options=(("steps", 3),)), "edsr: method 'l2x': option"),
    ],
)
def test_what_goes_wrong_is_one_line(
    bench: Workbench, pair: LoadedPair, name: str, wanted: MapRequest, expected: str
) -> None:
    with pytest.raises(RequestError) as told:
        bench.explain(name, pair, wanted)
    assert str(told.value).startswith(expected)
    assert "\n" not in str(told.value)


def test_a_network_of_scale_1_on_the_bench(tmp_path: Path) -> None:
    class Restoring(Doubling):
        def forward(self, x: Tensor) -> Tensor:
            return (x * self.factor).relu()

    network = Network(
        Restoring(), ModelCard(name="restoring", provider="module", module="a:b"), scale=1, weights="random"
    )
    with closing(Workbench({"restoring": network})) as bench:
        image = np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)
        pair = LoadedPair("a", image, image, "digest")
        restored = bench.super_resolve("restoring", pair)
        assert np.array_equal(restored.image, image)
        answer = bench.explain("restoring", pair, L2X)
        assert answer.found.arrays["values"].shape == (3, 24, 24)
        assert answer.found.completeness_error is not None and answer.found.completeness_error < 1e-5
