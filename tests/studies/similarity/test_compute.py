"""Which crops are explained, and that a unit holds their maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from l2xbench import explain, load_model
from l2xbench.config import StudyConfig
from l2xbench.data.datasets import LoadedPair
from l2xbench.data.images import to_tensor
from l2xbench.errors import RequestError
from l2xbench.studies.reading import parse_study
from l2xbench.studies.similarity import STUDY
from l2xbench.studies.similarity.compute import compute, crop_corners, untrained_twin
from l2xbench.studies.similarity.options import UNTRAINED
from l2xbench.studies.similarity.pairs import selected


def test_crops_are_different_inside_and_decided_by_image_and_seed() -> None:
    corners = crop_corners("butterfly", (40, 50), 32, 60, seed=0, scale=4)
    assert len({tuple(corner) for corner in corners.tolist()}) == 60
    assert corners.min() >= 0 and corners[:, 0].max() <= 8 and corners[:, 1].max() <= 18
    assert np.array_equal(corners, crop_corners("butterfly", (40, 50), 32, 60, seed=0, scale=4))
    assert not np.array_equal(corners, crop_corners("butterfly", (40, 50), 32, 60, seed=1, scale=4))
    assert not np.array_equal(corners, crop_corners("bird", (40, 50), 32, 60, seed=0, scale=4))


@pytest.mark.parametrize(
    ("shape", "crops", "expected"),
    [((31, 50), 1, "similarity.size.*50 x 31"), ((33, 33), 5, "similarity.crops.*has 4")],
)
def test_an_image_without_room_is_told(shape: tuple[int, int], crops: int, expected: str) -> None:
    with pytest.raises(RequestError, match=expected):
        crop_corners("small", shape, 32, crops, seed=0, scale=4)


def test_signs() -> None:
    values = np.array([[[1.0, -2.0]], [[-3.0, 4.0]]])
    assert selected(values, "signed").tolist() == [[1, -2], [-3, 4]]
    assert selected(values, "positive").tolist() == [[1, 0], [0, 4]]
    assert selected(values, "negative").tolist() == [[0, -2], [-3, 0]]
    assert selected(values, "absolute").tolist() == [[1, 2], [3, 4]]


def a_study(**blocks: object) -> StudyConfig:
    return parse_study(
        {
            "study": "s",
            "models": {"a": "edsr", "b": "carn"},
            "datasets": {"d": "x/"},
            "similarity": {"size": 8, "crops": 3, "target": "image"},
            **blocks,
        }
    )


def test_a_unit_holds_the_map_of_each_crop_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l2xbench.studies.shared.inference._MAP_PIXELS", 2 * 8 * 8)  # two crops a batch
    lr = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    network = load_model("carn", weights="random")
    ((label, options),) = STUDY.units(a_study())
    assert label == ""
    outcome = compute(network, LoadedPair("image", lr, None, "digest"), options)
    kept = outcome.arrays["similarity"]
    assert kept["values"].shape == (3, 3, 8, 8)
    assert outcome.values["completeness_error"] < 1e-4
    for values, difference, (y, x) in zip(kept["values"], kept["difference"], kept["corners"], strict=True):
        alone = explain(network, to_tensor(lr[y : y + 8, x : x + 8]), reference="blur", target="image")
        crop = to_tensor(lr[y : y + 8, x : x + 8])
        assert np.abs(difference - (crop - alone.reference)[0].numpy()).max() < 1e-6
        assert np.abs(values - alone.values[0].numpy()).max() < 1e-6 + 1e-4 * np.abs(values).max()


def test_options_that_decide_the_maps_and_those_that_do_not() -> None:
    def of(**options: object) -> object:
        return STUDY.units(a_study(similarity={"size": 8, "crops": 3, "target": "image", **options}))

    assert of(signs="absolute", estimator="biased", permutations=1) == of()
    assert of(of="attributions", seeds={"edsr": ["a"]}) == of()
    assert of(reference="mean") != of() != of(crops=4)
    assert STUDY.units(a_study(attribution={"reference": "mean"})) == of(reference="mean")
    assert STUDY.units(a_study(similarity=None)) == []
    assert STUDY.units(a_study(models={"a": "edsr"})) == [], "one network has none to be compared with"


def test_the_centre_is_the_block_of_the_middle_lr_pixel() -> None:
    ((_, options),) = STUDY.units(a_study(similarity={"size": 9, "crops": 1, "target": "centre"}))
    assert options["target"] == "patch:16,16,4,4"
    STUDY.check(a_study(similarity={"size": 9, "target": "centre"}))


def test_an_untrained_twin_has_its_architectures_own_initial_weights() -> None:
    (_, (label, options)) = STUDY.units(
        a_study(similarity={"size": 8, "crops": 1, "target": "image", "untrained": True})
    )
    assert label == UNTRAINED
    trained = load_model("carn-compact")
    twin = untrained_twin(trained, 0)
    assert untrained_twin(trained, 0) is twin, "built once"
    again, other = untrained_twin(load_model("carn-compact"), 0), untrained_twin(load_model("carn-compact"), 1)
    (name, weights), *_ = trained.state_dict().items()
    assert torch.equal(again.state_dict()[name], twin.state_dict()[name])
    assert not any(torch.equal(one.state_dict()[name], twin.state_dict()[name]) for one in (trained, other))
    assert weights.shape == twin.state_dict()[name].shape and twin.scale == 4
    lr = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    pair = LoadedPair("image", lr, None, "digest")
    found = compute(trained, pair, options).arrays["similarity"]
    y, x = found["corners"][0]
    alone = explain(twin, to_tensor(lr[y : y + 8, x : x + 8]), reference="blur", target="image")
    assert np.abs(found["values"][0] - alone.values[0].numpy()).max() < 1e-5


@pytest.mark.parametrize(
    ("similarity", "models", "told"),
    [
        ({"of": "multipliers", "method": "gradient"}, {}, "similarity.of: .*gradient.*l2x"),
        ({}, {"difference": "edsr"}, "'difference'.*another name"),
        ({"seeds": {"a": ["x", "y"], "b": ["x"]}}, {}, "similarity.seeds.*'x' is named twice"),
        ({"of": "maps"}, {}, "similarity.of"),
    ],
)
def test_a_wrong_request_is_told(similarity: dict[str, object], models: dict[str, str], told: str) -> None:
    with pytest.raises(RequestError, match=told):
        STUDY.check(a_study(similarity=similarity, models={"a": "edsr", "b": "carn", **models}))


def test_a_network_that_cannot_be_had_untrained_has_no_twin_and_that_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise RequestError("mine: its architecture is read off the checkpoint")

    monkeypatch.setattr("l2xbench.studies.similarity.compute.untrained_twin", refuse)
    network = load_model("carn", weights="random")
    lr = np.zeros((20, 24, 3), dtype=np.uint8)
    (_, (_, options)) = STUDY.units(a_study(similarity={"size": 8, "crops": 1, "untrained": True}))
    outcome = compute(network, LoadedPair("image", lr, None, "digest"), options)
    assert dict(outcome.values) == {"crops": 0, "twinless": "mine: its architecture is read off the checkpoint"}
    assert not outcome.arrays
