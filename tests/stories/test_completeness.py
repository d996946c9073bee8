"""The eleven networks and their variants, at published size, are explained exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

import l2xbench
from l2xbench.data.images import read_image, to_tensor
from tests.golden import NAMES, card_name, read_golden


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_maps_are_complete_at_published_size(shared: Path, name: str) -> None:
    weights = {key: value.float() for key, value in read_golden(shared, name).state_dict().items()}
    network = l2xbench.load_model(card_name(name), weights=weights)
    lr = to_tensor(read_image(shared / "data/Set5/image_SRF_4/img_003_SRF_4_LR.png")[:48, :48])
    explained = l2xbench.explain(network, lr)
    assert explained.completeness_error.max() <= 1e-5
    assert not [o.name for o in explained.operations if o.kind == "line integral"], "every operation has a rule"
