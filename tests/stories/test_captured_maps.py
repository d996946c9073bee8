"""Whoever asks for maps of one kind, one after the other, gets them by replay, and the same ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import numpy as np
import pytest
import torch
from torch import Tensor

import l2xbench
from l2xbench.attribution import tiles
from l2xbench.attribution.captured import captured_bytes, uncaptured
from l2xbench.attribution.methods import l2x as l2x_file
from l2xbench.data.pairs import LoadedPair
from l2xbench.explore.workbench import Workbench
from l2xbench.studies.erf.field import receptive_field
from l2xbench.studies.shared.inference import Batches, fitting
from l2xbench.studies.shared.maps import MapRequest, network_map
from l2xbench.studies.shared.patches import SquarePatch, patch_maps
from l2xbench.studies.similarity.compute import compute as similarity
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.network import Network
from tests.attribution.small import small_sr
from tests.tapes import Tape

SETTINGS = {"method": "l2x", "reference": "blur", "seed": 0}


def network() -> Network:
    return Network(small_sr(), ModelCard(name="small", provider="module", module="m:N"), scale=2, weights="random")


def pair(number: int) -> LoadedPair:
    lr = np.random.default_rng(number).integers(0, 256, size=(12, 14, 3), dtype=np.uint8)
    return LoadedPair(f"image{number}", lr, lr.repeat(2, axis=0).repeat(2, axis=1), f"digest{number}")


def of_study(net: Network, number: int) -> np.ndarray:
    return network_map(net, pair(number).lr, {**SETTINGS, "target": "image"}).values


def of_patches(net: Network, number: int) -> np.ndarray:
    patches = [SquarePatch(2 * number, 4, 6), SquarePatch(8, 2, 6)]
    return patch_maps(net, pair(number), patches, SETTINGS).values


def of_crops(net: Network, number: int) -> np.ndarray:
    options = {"size": 8, "crops": 3, **SETTINGS, "target": "image"}
    return similarity(net, pair(number), options).arrays["similarity"]["values"]


def of_field(net: Network, number: int) -> np.ndarray:
    lr = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(number))
    return receptive_field(net, lr, "multipliers").numpy()


@pytest.mark.parametrize("make", [of_study, of_patches, of_crops, of_field])
def test_maps_of_a_study(tapes: type[Tape], make: Callable[[Network, int], np.ndarray]) -> None:
    net, other = network(), network()
    for number in range(4):
        found = make(net, number)
        with uncaptured():
            expected = make(other, number)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    assert (tapes.alive, tapes.replays) == (1, 4)


def test_maps_of_the_page(tapes: type[Tape]) -> None:
    with closing(Workbench({"small": network()})) as bench:
        for number, target in enumerate(["image", "patch:2,2,6,6", "patch:4,4,6,6"]):
            request = MapRequest(target, "blur", "l2x")
            found = bench.explain("small", pair(number), request).found.values
            with uncaptured():
                expected = network_map(network(), pair(number).lr, request.settings(0)).values
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    assert tapes.replays == 3


def test_tiles_are_replays_of_one_another(tapes: type[Tape]) -> None:
    lr = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    found = l2xbench.explain(small_sr(), lr, tile=12, overlap=4)
    assert tapes.replays > 4
    with uncaptured():
        expected = l2xbench.explain(small_sr(), lr, tile=12, overlap=4)
    torch.testing.assert_close(found.values, expected.values, rtol=0, atol=1e-6 * float(expected.values.abs().max()))
    assert float(found.completeness_error) < 1e-5


class Full(Exception):
    pass


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Raises what PyTorch raises without memory, as long as recorded passes hold some."""

    def look() -> None:
        if captured_bytes(torch.device("cpu")):
            torch.empty(2**48)

    return look


def test_recorded_passes_make_room_before_anything_is_divided(
    tapes: type[Tape],
    full: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, lr = network(), torch.rand(1, 3, 12, 14)

    def prepare() -> None:
        for number in range(2):
            of_study(net, number)
        assert tapes.alive == 1

    prepare()

    def work(tile: int | None) -> str:
        full()
        return "whole"

    assert fitting(work, lr) == ("whole", None)
    assert tapes.alive == 0

    prepare()

    class Upscaling:
        scale = 2

        def __call__(self, x: Tensor) -> Tensor:
            full()
            return net(x)

    batches = Batches(Upscaling(), torch.device("cpu"))
    assert len(torch.cat(list(batches(lr.expand(3, -1, -1, -1))))) == 3
    assert batches.divided == {}

    prepare()
    plain = l2x_file.by_pass

    def by_pass(problem: l2x_file.Problem) -> list[l2x_file.Explained]:
        full()
        return plain(problem)

    monkeypatch.setattr(l2x_file, "by_pass", by_pass)
    assert l2xbench.explain(net, torch.rand(1, 3, 9, 9)).completeness_error < 1e-5
    assert tapes.alive == 0


def test_what_is_recorded_is_not_taken_for_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 100)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 20)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    monkeypatch.setattr(tiles, "captured_bytes", lambda device: 50)
    assert tiles.free_memory(torch.device("cuda")) == 1030
