"""Out of memory: smaller batches, then tiles, and at last the error itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from l2xbench.attribution import explain
from l2xbench.data.pairs import LoadedPair
from l2xbench.studies.attribution import compute as attribution
from l2xbench.studies.restoration import compute as restoration
from l2xbench.studies.shared.inference import OVERLAP, Batches, MapBatches, super_resolve, undivided
from l2xbench.studies.similarity import compute as similarity
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.network import Network

MAP = {"method": "l2x", "reference": "black", "target": "image", "seed": 0}
SR = {"colour": "y", "border": 2}
CPU = torch.device("cpu")


class Greedy(nn.Module):
    """Needs all memory there is for more than so many LR pixels, of all images of a batch; sees two pixels around."""

    def __init__(self, most: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.most = most
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 12, 3, padding=1), nn.PixelShuffle(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] * x.shape[-1] * x.shape[-2] > self.most:
            torch.empty(2**48)  # raises what PyTorch's allocator raises
        output: Tensor = self.body(x)
        return output


def network(most: int) -> Network:
    return Network(Greedy(most), ModelCard(name="greedy", provider="module", module="m:N"), scale=2, weights="random")


@pytest.fixture
def pair() -> LoadedPair:
    lr = np.random.default_rng(0).integers(0, 256, size=(96, 80, 3), dtype=np.uint8)
    return LoadedPair("noise", lr, lr.repeat(2, axis=0).repeat(2, axis=1), "digest")


def test_an_image_too_large_is_super_resolved_in_tiles(pair: LoadedPair) -> None:
    whole = restoration.compute(network(10**6), pair, SR).finished()
    tiled = restoration.compute(network(3000), pair, SR).finished()
    assert "tile" not in whole.values
    assert tiled.values["tile"] == 48
    assert np.array_equal(whole.images["sr"], tiled.images["sr"]), "two pixels around are within the margin"
    with pytest.raises(RuntimeError, match="allocate"):
        restoration.compute(network(500), pair, SR)


def test_an_image_too_large_is_explained_in_tiles(pair: LoadedPair) -> None:
    whole = attribution.compute(network(10**6), pair, MAP)
    tiled = attribution.compute(network(3000), pair, MAP)
    assert "tile" not in whole.values
    assert tiled.values["tile"] == 48
    maps = [outcome.arrays["attribution"]["values"] for outcome in (whole, tiled)]
    assert np.allclose(*maps, atol=1e-5 * abs(maps[0]).max())
    with pytest.raises(RuntimeError, match="allocate"):
        attribution.compute(network(500), pair, MAP)


def test_a_record_tells_of_smaller_batches() -> None:
    images = torch.rand(5, 3, 16, 16)
    batches = Batches(network(2 * 16 * 16), CPU)
    assert torch.allclose(torch.cat(list(batches(images))), super_resolve(network(10**6), images), atol=1e-6)
    assert batches.divided == {"batch": 2}


def test_beside_other_workers_nothing_is_divided(pair: LoadedPair) -> None:
    with undivided():
        for compute, options in ((restoration.compute, SR), (attribution.compute, MAP)):
            with pytest.raises(RuntimeError, match="allocate"):
                compute(network(3000), pair, options)
        with pytest.raises(RuntimeError, match="allocate"):
            list(Batches(network(2 * 16 * 16), CPU)(torch.rand(5, 3, 16, 16)))
    assert restoration.compute(network(3000), pair, SR).values["tile"] == 48, "alone, it is"


def test_a_batch_too_large_is_halved_and_then_cut_into_tiles(pair: LoadedPair) -> None:
    images = torch.rand(5, 3, 40, 96)
    whole = super_resolve(network(10**6), images)
    for most, tile, divided in (
        (10**6, None, {}),
        (40 * 96, None, {}),
        (40 * 48, 48, {"tile": 48}),
    ):
        batches = Batches(network(most), CPU)
        assert torch.allclose(torch.cat(list(batches(images))), whole, atol=1e-6)
        assert batches.tile == tile
        assert batches.divided == divided
    with pytest.raises(RuntimeError, match="allocate"):
        list(Batches(network(500), CPU)(images))


def test_maps_of_many_images_are_those_of_each() -> None:
    images = torch.rand(5, 3, 40, 96, generator=torch.Generator().manual_seed(0))
    one_by_one = torch.cat([explain(network(10**6), image[None], reference="black").values for image in images])
    largest = float(one_by_one.abs().max())
    for most, together, divided in (
        (10**6, True, {}),
        (10**6, False, {}),
        (2 * 40 * 96, True, {"batch": 2}),
        (40 * 48, True, {"tile": 48}),
    ):
        batches = MapBatches(network(most), together=together, method="l2x", reference="black")
        found = torch.cat([each.values for each in batches(images)])
        assert batches.divided == divided
        torch.testing.assert_close(found, one_by_one, rtol=0, atol=1e-5 * largest if batches.tile else 1e-6 * largest)
    counts = [len(each.values) for each in MapBatches(network(10**6), method="l2x", reference="black")(images)]
    assert counts == [5]
    with pytest.raises(FloatingPointError, match="NaN"), pytest.warns(UserWarning, match="NaN"):
        list(MapBatches(network(10**6), method="input_x_gradient", reference="black")(images * 1e38))


def test_tiles_have_room_for_their_margins() -> None:
    with pytest.raises(RuntimeError, match="allocate"):
        super_resolve(network(500), torch.rand(1, 3, 2 * OVERLAP, 2 * OVERLAP))


def test_crops_are_explained_in_smaller_batches(pair: LoadedPair) -> None:
    options = {"size": 16, "crops": 6, **MAP}
    whole = similarity.compute(network(10**6), pair, options).arrays["similarity"]["values"]
    halved = similarity.compute(network(2 * 16 * 16), pair, options).arrays["similarity"]["values"]
    assert np.allclose(whole, halved, rtol=1e-4, atol=1e-6)
    with pytest.raises(RuntimeError, match="allocate"):
        similarity.compute(network(100), pair, options)
