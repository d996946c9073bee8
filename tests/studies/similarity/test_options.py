"""What similarity compares where a study does not say."""

from __future__ import annotations

import pytest

from l2xbench.attribution.targets import parse_target
from l2xbench.studies.similarity.options import SimilarityOptions


def test_the_papers_maps_by_the_unbiased_estimator_are_the_default() -> None:
    options = SimilarityOptions()
    assert (options.target, options.of, options.signs, options.estimator) == (
        *("image", "attributions", "positive"),
        "unbiased",
    )
    assert (options.size, options.crops, options.order) == (32, 8, "clustered")


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_the_middle_of_a_crop_is_a_pixel_of_its_middle_block(scale: int) -> None:
    neuron, centre = (SimilarityOptions(target=name, size=9).target_at(scale) for name in ("neuron", "centre"))
    channel, row, column = parse_target(neuron).window((1, 3, 9 * scale, 9 * scale))
    _, rows, columns = parse_target(centre).window((1, 3, 9 * scale, 9 * scale))
    assert channel == slice(1, 2), "green"
    assert (rows.start, rows.stop, columns.start) == (4 * scale, 5 * scale, 4 * scale)
    assert rows.start <= row.start < rows.stop and columns.start <= column.start < columns.stop
