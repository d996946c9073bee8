"""Which crops are explained, and that a unit holds their maps."""

from __future__ import annotations

import numpy as np
import pytest

from l2xbench import explain, load_model
from l2xbench.config import StudyConfig
from l2xbench.data.datasets import LoadedPair
from l2xbench.data.images import to_tensor
from l2xbench.errors import RequestError
from l2xbench.studies.reading import parse_study
from l2xbench.studies.similarity import STUDY
from l2xbench.studies.similarity.compute import compute, crop_corners
from l2xbench.studies.similarity.pairs import selected


def test_crops_are_different_inside_and_decided_by_image_and_seed() -> None:
    corners = crop_corners("butterfly", (40, 50), 32, 60, seed=0)
    assert len({tuple(corner) for corner in corners.tolist()}) == 60
    assert corners.min() >= 0 and corners[:, 0].max() <= 8 and corners[:, 1].max() <= 18
    assert np.array_equal(corners, crop_corners("butterfly", (40, 50), 32, 60, seed=0))
    assert not np.array_equal(corners, crop_corners("butterfly", (40, 50), 32, 60, seed=1))
    assert not np.array_equal(corners, crop_corners("bird", (40, 50), 32, 60, seed=0))


@pytest.mark.parametrize(
    ("shape", "crops", "expected"),
    [((31, 50), 1, "similarity.size.*50 x 31"), ((33, 33), 5, "similarity.crops.*has 4")],
)
def test_an_image_without_room_is_told(shape: tuple[int, int], crops: int, expected: str) -> None:
    with pytest.raises(RequestError, match=expected):
        crop_corners("small", shape, 32, crops, seed=0)


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
            "similarity": {"size": 8, "crops": 3},
            **blocks,
        }
    )


def test_a_unit_holds_the_map_of_each_crop_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l2xbench.studies.similarity.compute._PIXELS", 2 * 8 * 8)  # two crops a batch
    lr = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    network = load_model("carn", weights="random")
    ((label, options),) = STUDY.units(a_study())
    assert label == ""
    outcome = compute(network, LoadedPair("image", lr, None, "digest"), options)
    kept = outcome.arrays["similarity"]
    assert kept["values"].shape == (3, 3, 8, 8)
    assert outcome.values["completeness_error"] < 1e-4
    for values, (y, x) in zip(kept["values"], kept["corners"], strict=True):
        alone = explain(network, to_tensor(lr[y : y + 8, x : x + 8]), reference="blur", target="image")
        assert np.abs(values - alone.values[0].numpy()).max() < 1e-6 + 1e-4 * np.abs(values).max()


def test_options_that_decide_the_maps_and_those_that_do_not() -> None:
    def of(**options: object) -> object:
        return STUDY.units(a_study(similarity={"size": 8, "crops": 3, **options}))

    assert of(signs="signed", estimator="unbiased", permutations=1) == of()
    assert of(reference="mean") != of() != of(crops=4)
    assert STUDY.units(a_study(attribution={"reference": "mean"})) == of(reference="mean")
    assert STUDY.units(a_study(similarity=None)) == []
    assert STUDY.units(a_study(models={"a": "edsr"})) == [], "one network has none to be compared with"
