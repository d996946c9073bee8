"""The ablation of one image: what is masked, what is measured, and what every network shares."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from l2xbench.data import images, metrics
from l2xbench.data.datasets import LoadedPair
from l2xbench.studies.ablation import compute as ablation
from l2xbench.studies.reading import parse_study
from l2xbench.studies.registry import study_named
from l2xbench.studies.shared.inference import Batches

SIZE = 10


class Seeing(nn.Module):
    """Nearest-neighbour times a gain, which keeps what it was given."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))
        self.seen: list[Tensor] = []

    def forward(self, lr: Tensor) -> Tensor:
        self.seen.append(lr.clone())
        return self.gain * nn.functional.interpolate(lr, scale_factor=4)


@pytest.fixture
def pair() -> LoadedPair:
    draw = np.random.default_rng(0)
    lr = draw.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    hr = draw.integers(0, 256, (4 * SIZE, 4 * SIZE, 3)).astype(np.uint8)
    return LoadedPair("noise", lr, hr, "12" * 32)


def options(**wanted: object) -> dict[str, dict]:
    study = parse_study({"study": "s", "models": {"a": "edsr"}, "datasets": {"d": "skimage"}, "ablation": wanted})
    return dict(study_named("ablation").units(study))


def test_the_strongest_pixels_become_the_mean_and_the_rest_is_measured(pair: LoadedPair) -> None:
    strength = np.zeros((3, SIZE, SIZE), np.float32)
    strength[0, 2:4, :] = np.arange(1, 2 * SIZE + 1).reshape(2, SIZE)  # the third and fourth row, ever stronger
    network = Seeing()
    chosen = options(ratios=[0.1, 0.2])["l2x-pixel-descending"]
    found = ablation.compute(network, pair, chosen, {"values": strength}).values
    for row, rows, place in ((0, [3], 0), (1, [2, 3], 1)):
        lr = images.to_tensor(pair.lr)
        for masked in rows:
            lr[:, :, masked] = images.to_tensor(pair.lr).mean(dim=(2, 3))[:, :, None]
        assert torch.allclose(torch.cat(network.seen)[row], lr[0], atol=1e-6)
        sr = images.to_image(Seeing()(lr))
        assert found["psnr"][0][place] == pytest.approx(metrics.psnr(sr, pair.hr, 4), abs=1e-5)
        assert found["ssim"][0][place] == pytest.approx(metrics.ssim(sr, pair.hr, 4), abs=1e-6)


def test_orders(pair: LoadedPair) -> None:
    strength = np.zeros((3, SIZE, SIZE), np.float32)
    strength[:, 0, 0], strength[:, 5, 5], strength[2, 7, 7] = 1, -2, 3.5
    first = {}
    wanted = options(ratios=[0.01], granularity=["pixel", "element"], order=["descending", "absolute", "ascending"])
    for label in wanted:
        if label.startswith("l2x"):
            network = Seeing()
            ablation.compute(network, pair, wanted[label], {"values": strength})
            changed = (network.seen[0][0] - images.to_tensor(pair.lr)[0]).abs()
            first[label] = [tuple(place.tolist()) for place in changed.nonzero()]
    assert {place[1:] for place in first["l2x-pixel-descending"]} == {(7, 7)}
    assert {place[1:] for place in first["l2x-pixel-absolute"]} == {(5, 5)}, "-6 in all"
    assert {place[1:] for place in first["l2x-pixel-ascending"]} == {(5, 5)}
    elements = set(first["l2x-element-descending"])
    assert len(elements) == 3 and elements - {(2, 7, 7)} < {(0, 0, 0), (1, 0, 0), (2, 0, 0)}
    assert set(first["l2x-element-ascending"]) == {(0, 5, 5), (1, 5, 5), (2, 5, 5)}


def test_random_orders_are_the_same_for_every_network(pair: LoadedPair) -> None:
    chosen = options(ratios=[0.1, 0.4], random_orders=2)["random-pixel-random"]
    one, other = Seeing(), Seeing(0.5)
    found = ablation.compute(one, pair, chosen).values
    ablation.compute(other, pair, chosen)
    assert torch.equal(torch.cat(one.seen), torch.cat(other.seen))
    assert not torch.equal(torch.cat(one.seen)[0], torch.cat(one.seen)[2]), "two draws"
    assert np.shape(found["psnr"]) == (2, 2)


def test_controls_are_there_by_default_once_and_may_be_left_out() -> None:
    assert list(options()) == ["l2x-pixel-descending", "difference-pixel-descending", "random-pixel-random"]
    assert len(options(methods=["random", "difference", "l2x"])) == 3
    assert list(options(controls=[])) == ["l2x-pixel-descending"]


def test_without_hr_nothing_is_run(pair: LoadedPair) -> None:
    network = Seeing()
    found = ablation.compute(network, LoadedPair("lr", pair.lr, None, pair.digest), options()["random-pixel-random"])
    assert found.values["psnr"] == []
    assert network.seen == []


def test_batches_halve_where_memory_runs_out_and_lose_no_image() -> None:
    class Small(Seeing):
        def forward(self, lr: Tensor) -> Tensor:
            if len(lr) > 3:
                raise torch.cuda.OutOfMemoryError("too many")
            return super().forward(lr)

    inputs = torch.rand(13, 3, 6, 6)
    network = Small()
    assert torch.equal(torch.cat(list(Batches(network, torch.device("cpu"))(inputs))), Seeing()(inputs))
    assert [len(batch) for batch in network.seen] == [3, 3, 3, 3, 1]


def test_a_network_that_gives_nan_is_told(pair: LoadedPair) -> None:
    with pytest.raises(FloatingPointError, match="NaN"):
        ablation.compute(Seeing(float("nan")), pair, options()["random-pixel-random"])


def test_imputed_pixels_are_what_their_neighbours_say(pair: LoadedPair) -> None:
    strength = np.zeros((3, SIZE, SIZE), np.float32)
    strength[0, 4, 5] = 1
    network = Seeing()
    chosen = options(ratios=[0.01], replacement="road")["l2x-pixel-descending"]
    ablation.compute(network, pair, chosen, {"values": strength})
    lr = images.to_tensor(pair.lr)[0]
    beside = lr[:, [3, 5, 4, 4], [5, 5, 4, 6]].sum(1) / 6 + lr[:, [3, 3, 5, 5], [4, 6, 4, 6]].sum(1) / 12
    seen = network.seen[0][0]
    assert torch.allclose(seen[:, 4, 5], beside, atol=0.05), "and a little noise"
    seen[:, 4, 5] = lr[:, 4, 5]
    assert torch.equal(seen, lr)


def test_a_blurred_map_is_followed_where_imputation_favours_it(pair: LoadedPair) -> None:
    wanted = options(replacement="road", ratios=[0.09])
    assert list(wanted)[-1] == "blurred-pixel-descending"
    assert list(options(replacement="road", controls="random"))[-1] == "random-pixel-random"
    chosen = wanted["blurred-pixel-descending"]
    assert study_named("ablation").needs(chosen) == ("attribution", "l2x")
    strength = np.zeros((3, SIZE, SIZE), np.float32)
    strength[:, 5, 5] = 1
    network = Seeing()
    ablation.compute(network, pair, chosen, {"values": strength})
    changed = {tuple(p.tolist()) for p in (network.seen[0][0] != images.to_tensor(pair.lr)[0]).any(0).nonzero()}
    assert changed == {(row, column) for row in (4, 5, 6) for column in (4, 5, 6)}
