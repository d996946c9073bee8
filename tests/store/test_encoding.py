"""Encoding loses nothing."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from l2xbench.store.encoding import encode_outcome
from l2xbench.store.units import Outcome
from tests.store.samples import IMAGE, sample_outcome


def test_images_and_arrays_come_back() -> None:
    encoded = encode_outcome(sample_outcome())
    assert encoded.values == {"psnr": 31.5, "ssim": None}
    assert {what: ending for what, (ending, _) in encoded.files.items()} == {"sr": ".png", "attribution": ".npz"}
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encoded.files["sr"][1]))), IMAGE)
    arrays = np.load(io.BytesIO(encoded.files["attribution"][1]), allow_pickle=False)
    assert np.array_equal(arrays["values"], np.ones((3, 2, 2), np.float32))


def test_the_same_outcome_gives_the_same_bytes() -> None:
    assert encode_outcome(sample_outcome()) == encode_outcome(sample_outcome())


def test_what_is_left_for_later_is_made_first() -> None:
    assert encode_outcome(Outcome({}, later=lambda: Outcome({"psnr": 30.0}))).values == {"psnr": 30.0}


def test_objects_are_refused() -> None:
    """They would need a pickle, which can run code where it is read."""
    with pytest.raises(ValueError, match="holds Python objects"):
        encode_outcome(Outcome({}, arrays={"attribution": {"values": np.array([object()])}}))


@pytest.mark.parametrize("value", [np.ones(2), np.float32(1), Outcome({})])
def test_a_value_that_no_record_can_hold_is_told_by_its_name(value: Any) -> None:
    with pytest.raises(TypeError, match=f"the value 'psnr' is of the type {type(value).__name__}; a record holds"):
        encode_outcome(Outcome({"psnr": value}))
