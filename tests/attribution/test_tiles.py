from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from l2xbench.attribution import AttributionError, explain, method_names, tiles
from l2xbench.attribution.tiles import auto_tile, saved_bytes, spans
from tests.attribution.small import small_sr

LR = torch.rand(2, 3, 30, 23, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


@pytest.mark.parametrize(
    ("size", "tile", "overlap"),
    [(30, 12, 2), (30, 30, 4), (30, 64, 4), (31, 13, 6), (100, 9, 0), (13, 12, 5)],
)
def test_cores_divide_the_axis_and_keep_their_margins(size: int, tile: int, overlap: int) -> None:
    parts = spans(size, tile, overlap)
    assert parts[0].core_start == 0
    assert parts[-1].core_stop == size
    for left, right in pairwise(parts):
        assert left.core_stop == right.core_start
    for part in parts:
        assert part.stop - part.start == min(tile, size)
        assert part.core_start < part.core_stop
        assert part.start == 0 or part.core_start - part.start >= overlap
        assert part.stop == size or part.stop - part.core_stop >= overlap


def tiled_output(network: nn.Module, images: Tensor, tile: int, overlap: int, scale: int = 2) -> Tensor:
    """Tiled inference, written down plainly."""
    whole = torch.zeros(*images.shape[:2], images.shape[2] * scale, images.shape[3] * scale, dtype=images.dtype)
    for down in spans(images.shape[2], tile, overlap):
        for across in spans(images.shape[3], tile, overlap):
            part = network(images[:, :, down.start : down.stop, across.start : across.stop])
            rows = slice((down.core_start - down.start) * scale, (down.core_stop - down.start) * scale)
            columns = slice((across.core_start - across.start) * scale, (across.core_stop - across.start) * scale)
            whole[
                :,
                :,
                down.core_start * scale : down.core_stop * scale,
                across.core_start * scale : across.core_stop * scale,
            ] = part[:, :, rows, columns]
    return whole


@pytest.mark.parametrize("target", ["image", "neuron:1,31,20", "patch:5,11,30,17"])
@pytest.mark.parametrize(("tile", "overlap"), [(12, 1), (16, 4), (11, 0)])
def test_a_tiled_map_sums_to_the_tiled_outputs_difference(target: str, tile: int, overlap: int) -> None:
    network = nn.Sequential(nn.InstanceNorm2d(3), small_sr()).double()  # sees its whole tile: tiling changes the output
    found = explain(network, LR, target=target, tile=tile, overlap=overlap)
    with torch.no_grad():
        change = tiled_output(network, LR, tile, overlap) - tiled_output(network, found.reference, tile, overlap)
    expected = {
        "image": change.abs().flatten(1).sum(1),
        "neuron:1,31,20": change[:, 1, 31, 20],
        "patch:5,11,30,17": change[:, :, 5:35, 11:28].abs().flatten(1).sum(1),
    }[target]
    torch.testing.assert_close(found.delta, expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(found.values.flatten(1).sum(1), expected, rtol=1e-9, atol=1e-11)


# Four methods do not add up over tiles: noise and the grid of squares are each tile's own, and a ReLU on the backward
# signal is not linear in the objective.
@pytest.mark.parametrize(
    "name", sorted(set(method_names()) - {"smoothgrad", "occlusion", "guided_backprop", "deconvnet"})
)
def test_tiles_change_nothing_where_the_overlap_covers_the_receptive_field(name: str) -> None:
    options = {"steps": 4} if name in ("lam", "integrated_gradients") else {}
    network = small_sr().double()
    targets = ["image", "patch:20,10,12,12"]
    for whole, tiled in zip(
        explain(network, LR, method=name, target=targets, **options),
        explain(network, LR, method=name, target=targets, tile=16, overlap=4, **options),
        strict=True,
    ):
        torch.testing.assert_close(tiled.values, whole.values, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(tiled.delta, whole.delta, equal_nan=True)
        torch.testing.assert_close(tiled.reference, whole.reference)


def test_a_target_outside_a_tiled_image_is_told() -> None:
    with pytest.raises(AttributionError, match="row 60 must be 0 to 59"):
        explain(small_sr().double(), LR, target="neuron:0,60,0", tile=16, overlap=4)


def test_an_output_that_is_no_multiple_of_the_input_cannot_be_tiled() -> None:
    network = nn.Conv2d(3, 3, 3).double()
    with pytest.raises(AttributionError, match="not a whole multiple"):
        explain(network, LR, tile=16, overlap=4)


def test_auto_takes_the_whole_image_where_it_fits() -> None:
    network = small_sr().double()
    images = torch.rand(1, 3, 80, 72, dtype=torch.float64)
    whole, found = explain(network, images), explain(network, images, tile="auto")
    assert torch.equal(found.values, whole.values)


@pytest.mark.parametrize(("power", "side"), [(1.0, 80), (2.0, 64)])
def test_auto_fits_the_memory_there_is(monkeypatch: pytest.MonkeyPatch, power: float, side: int) -> None:
    images = torch.zeros(1, 3, 400, 500)
    unit, fitting = (1000, 80**2 * 1000) if power == 1 else (1, 64**4)
    monkeypatch.setattr(tiles, "free_memory", lambda _: 1.001 * fitting / tiles.SHARE)
    assert auto_tile(images, 8, lambda x: int(unit * (x.shape[-2] * x.shape[-1]) ** power)) == side


def test_auto_says_so_where_even_a_small_tile_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "free_memory", lambda _: 1000)
    with pytest.raises(AttributionError, match="smaller overlap="):
        explain(small_sr(), torch.rand(1, 3, 90, 90), tile="auto")


def test_saved_bytes_counts_each_storage_once() -> None:
    x = torch.ones(1000, requires_grad=True)
    assert saved_bytes(lambda: (x * x).exp()) == 2 * 4000  # x, once, and the exponential's own result
    assert saved_bytes(lambda: (x * x).exp(), apart_from=[x]) == 4000
