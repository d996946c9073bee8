"""What similarity compares where a study does not say."""

from __future__ import annotations

import pytest

from l2xbench.attribution.targets import parse_target
from l2xbench.studies.similarity.options import SimilarityOptions


@pytest.mark.parametrize("given", [{}, {"target": "centre"}, {"target": "patch:8,8,16,16"}])
def test_parts_have_many_small_crops_and_the_unbiased_estimator(given: dict[str, str]) -> None:
    options = SimilarityOptions(**given)
    assert (options.size, options.crops, options.estimator, options.signs) == (24, 32, "unbiased", "signed")


def test_the_papers_target_and_maps_have_the_papers_crops_and_signs() -> None:
    options = SimilarityOptions(target="image", of="attributions")
    assert (options.size, options.crops, options.signs) == (32, 8, "positive")
    assert SimilarityOptions(of="attributions").crops == 32 and SimilarityOptions(target="image").signs == "signed"


def test_what_is_said_wins() -> None:
    options = SimilarityOptions(target="image", of="attributions", size=16, crops=3, signs="absolute")
    assert (options.size, options.crops, options.signs) == (16, 3, "absolute")
    again = SimilarityOptions(**options.model_dump())
    assert again == options, "a manifest says all of it"


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_the_middle_of_a_crop_is_a_pixel_of_its_middle_block(scale: int) -> None:
    neuron, centre = (SimilarityOptions(target=name, size=9).target_at(scale) for name in ("neuron", "centre"))
    channel, row, column = parse_target(neuron).window((1, 3, 9 * scale, 9 * scale))
    _, rows, columns = parse_target(centre).window((1, 3, 9 * scale, 9 * scale))
    assert channel == slice(1, 2), "green"
    assert (rows.start, rows.stop, columns.start) == (4 * scale, 5 * scale, 4 * scale)
    assert rows.start <= row.start < rows.stop and columns.start <= column.start < columns.stop
