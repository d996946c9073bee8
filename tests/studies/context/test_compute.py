"""Hidden context with known consequences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from l2xbench.data.images import to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.errors import RequestError
from l2xbench.studies.context.compute import compute
from l2xbench.studies.reading import parse_study
from l2xbench.studies.registry import study_named

FAR = (2, 13)
"""A pixel far from the patch at LR rows 6 and 7, columns 4 and 5."""
SECOND = (11, 1)


class Looking(nn.Module):
    """Each LR pixel fourfold, and everywhere a share of two single pixels: what it uses is known."""

    scale = 4

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))
        self.seen: list[Tensor] = []

    def forward(self, lr: Tensor) -> Tensor:
        self.seen.append(lr.detach().clone())
        far = 0.2 * lr[:, :, FAR[0] : FAR[0] + 1, FAR[1] : FAR[1] + 1]
        second = -0.1 * lr[:, :, SECOND[0] : SECOND[0] + 1, SECOND[1] : SECOND[1] + 1]
        return self.gain * (0.5 * lr.repeat_interleave(4, 2).repeat_interleave(4, 3) + far + second)


@pytest.fixture
def pair() -> LoadedPair:
    lr = np.random.default_rng(0).integers(60, 180, (14, 16, 3)).astype(np.uint8)
    lr[FAR], lr[SECOND] = 250, 5
    sr = (Looking()(to_tensor(lr)).detach().clamp(0, 1) * 255).round()
    hr = sr[0].permute(1, 2, 0).numpy().astype(np.int64) + 4  # so that the whole image is off by 4 levels
    return LoadedPair("made", lr, hr.clip(0, 255).astype(np.uint8), "12" * 32)


def units(**wanted: Any) -> dict[str, dict[str, Any]]:
    study = {"study": "s", "models": {"a": "edsr"}, "datasets": {"d": "skimage"}, "restoration": {"colour": "rgb"}}
    block = {"places": [[16, 24]], "size": 8, "reference": "mean", **wanted}
    return dict(study_named("context").units(parse_study({**study, "context": block})))


def test_the_pixels_that_the_map_names_cost_what_they_gave(pair: LoadedPair) -> None:
    wanted = units(hidden=[1, 2], order=["absolute", "descending"])
    found = compute(Looking(), pair, wanted["l2x-absolute"]).values
    lr = to_tensor(pair.lr).double()
    mean = lr.mean(dim=(2, 3))[0]
    far = 0.2 * (lr[0, :, FAR[0], FAR[1]] - mean)
    second = -0.1 * (lr[0, :, SECOND[0], SECOND[1]] - mean)
    moved = [255 * float(each.abs().mean()) for each in (far, far + second)]
    assert found["change"][0] == pytest.approx(moved, abs=1e-3)
    assert found["psnr"] == [pytest.approx(20 * math.log10(255 / 4), abs=1e-6)]
    assert found["loss"][0][0] > 10 and found["loss"][0][1] > found["loss"][0][0]
    assert found["patches"] == [[16.0, 24.0]] and found["hidden"] == [1.0, 2.0]
    nearest = compute(Looking(), pair, wanted["distance"]).values
    assert nearest["loss"] == [[0.0, 0.0]] and nearest["change"] == [[0.0, 0.0]], "it uses nothing near"


def test_pixels_under_the_patch_are_hidden_last(pair: LoadedPair) -> None:
    network = Looking()
    under = np.zeros((14, 16), bool)
    under[6:8, 4:6] = True
    for label, options in units(hidden=[14 * 16 - 4], controls=["distance", "difference", "random"]).items():
        network.seen.clear()
        compute(network, pair, options)
        kept = (network.seen[-1][-1] == to_tensor(pair.lr)[0]).all(0).numpy()
        assert kept[under].all(), label
        assert kept[~under].mean() < 0.1, label
    with pytest.raises(RequestError, match=r"context.hidden: 221 LR pixels .* made has 220 outside a patch of 8 x 8"):
        compute(network, pair, units(hidden=[221])["distance"])


def hidden_first(pair: LoadedPair, options: dict[str, Any]) -> set[tuple[int, int]]:
    """The pixels that differ from the image's."""
    network = Looking()
    compute(network, pair, options)
    changed = (network.seen[-1][-1] != to_tensor(pair.lr)[0]).any(0)
    return {tuple(place.tolist()) for place in changed.nonzero()}


def test_controls_hide_what_they_say(pair: LoadedPair) -> None:
    wanted = units(hidden=[2], controls=["distance", "difference", "near_difference"])
    assert hidden_first(pair, wanted["difference"]) == {FAR, SECOND}, "the ones farthest from the mean"
    nearest = hidden_first(pair, units(hidden=[8])["distance"])
    assert nearest == {(5, 4), (5, 5), (8, 4), (8, 5), (6, 3), (7, 3), (6, 6), (7, 6)}
    near = hidden_first(pair, units(hidden=[6], controls=["near_difference"])["near_difference"])
    assert all(abs(row - 6.5) < 5 and abs(column - 4.5) < 5 for row, column in near)


def test_signs_count_where_they_are_asked_for(pair: LoadedPair) -> None:
    wanted = units(hidden=[1], order=["absolute", "descending", "ascending"], methods=["l2x"])
    assert hidden_first(pair, wanted["l2x-absolute"]) == {FAR}
    first = {hidden_first(pair, wanted[f"l2x-{order}"]).pop() for order in ("descending", "ascending")}
    assert FAR in first and len(first) == 2


def test_controls_are_the_same_for_every_network(pair: LoadedPair) -> None:
    chosen = units(hidden=[3, 9], random_orders=2)["random"]
    one, other = Looking(), Looking(0.5)
    found = compute(one, pair, chosen).values
    compute(other, pair, chosen)
    assert torch.equal(torch.cat(one.seen), torch.cat(other.seen))
    hidden = torch.cat(one.seen)[1:] != to_tensor(pair.lr)
    assert not torch.equal(hidden[0], hidden[2]), "two draws"
    assert np.shape(found["loss"]) == (1, 2)


def test_without_hr_the_change_is_told_alone(pair: LoadedPair) -> None:
    found = compute(Looking(), LoadedPair("made", pair.lr, None, pair.digest), units(hidden=[1])["l2x-absolute"]).values
    assert found["loss"] == [] and found["psnr"] == []
    assert found["change"][0][0] > 1


def test_with_imputation_a_blurred_map_stands_beside() -> None:
    assert [*units()] == ["l2x-descending", "l2x-absolute", "distance", "difference", "near_difference", "random"]
    wanted = units(replacement="road")
    assert [*wanted][-2:] == ["random", "blurred-descending"]
    assert wanted["blurred-descending"]["map"]["method"] == "l2x"
    assert [*units(replacement="road", controls="random", order="absolute")] == ["l2x-absolute", "random"]


def test_a_blurred_map_hides_blobs_and_imputation_is_milder(pair: LoadedPair) -> None:
    wanted = units(hidden=[9], replacement="road", order="absolute")
    blob = hidden_first(pair, wanted["blurred-absolute"])
    rows, columns = (np.array(axis) for axis in zip(*blob, strict=True))
    assert np.hypot(rows - FAR[0], columns - FAR[1]).max() <= 3.2
    lost = {
        kind: compute(Looking(), pair, units(hidden=[1], replacement=kind)["l2x-absolute"]).values["change"][0][0]
        for kind in ("black", "road")
    }
    assert 0 < lost["road"] < lost["black"]


def test_places_come_from_the_image_and_methods_have_their_options(pair: LoadedPair) -> None:
    wanted = units(places={"count": 2, "by": "random"}, hidden=[4], methods=["integrated_gradients"], size=None,
                   options={"integrated_gradients": {"steps": 3}})  # fmt: skip
    options = wanted["integrated_gradients-absolute"]
    assert options["map"]["steps"] == 3 and options["size"] == 16
    found = compute(Looking(), pair, options).values
    assert np.shape(found["loss"]) == (2, 1)
