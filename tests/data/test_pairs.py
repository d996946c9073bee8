"""A pair of files to a pair of arrays that belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l2xbench.data.bicubic import resize
from l2xbench.data.images import write_png
from l2xbench.data.pairs import ImagePair
from l2xbench.errors import RequestError


def picture(path: Path, height: int, width: int, seed: int = 0) -> Path:
    write_png(path, np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))
    return path


def test_lr_is_made_from_hr_cut_to_a_multiple(tmp_path: Path) -> None:
    hr = picture(tmp_path / "a.png", 43, 50)
    loaded = ImagePair("a", hr, None).load(4)
    assert loaded.hr is not None
    assert loaded.hr.shape == (40, 48, 3)
    np.testing.assert_array_equal(loaded.lr, resize(loaded.hr, 1 / 4))


def test_hr_slightly_larger_is_cut_at_its_right_and_bottom(tmp_path: Path) -> None:
    pair = ImagePair("a", picture(tmp_path / "hr.png", 43, 48), picture(tmp_path / "lr.png", 10, 12))
    loaded = pair.load(4)
    assert loaded.hr is not None
    np.testing.assert_array_equal(loaded.hr, ImagePair("hr", None, tmp_path / "hr.png").load(1).lr[:40, :48])


@pytest.mark.parametrize(("height", "width"), [(44, 48), (40, 52), (39, 48), (10, 12)])
def test_sizes_that_do_not_go_together(tmp_path: Path, height: int, width: int) -> None:
    pair = ImagePair("a", picture(tmp_path / "hr.png", height, width), picture(tmp_path / "lr.png", 10, 12))
    with pytest.raises(RequestError) as caught:
        pair.load(4)
    assert str(caught.value) == (
        f"{tmp_path}/hr.png: {width} x {height} pixels do not go with the 12 x 10 of {tmp_path}/lr.png: "
        "at scale 4 HR must be 48 x 40, or larger by fewer than 4 pixels a side"
        f"{'; for images of one size say scale: 1' if height == 10 else ''}"
    )


def test_hr_smaller_than_one_lr_pixel(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"a\.png: 9 x 3 pixels are too few to make LR from at scale 4"):
        ImagePair("a", picture(tmp_path / "a.png", 3, 9), None).load(4)


def test_lr_alone_has_no_hr(tmp_path: Path) -> None:
    loaded = ImagePair("a", None, picture(tmp_path / "a.png", 7, 9)).load(4)
    assert loaded.hr is None
    assert loaded.lr.shape == (7, 9, 3)


def test_crop_is_central_and_the_same_place_in_both(tmp_path: Path) -> None:
    pair = ImagePair("a", picture(tmp_path / "a.png", 80, 120), None)
    whole, part = pair.load(4), pair.load(4, crop=9)
    np.testing.assert_array_equal(part.lr, whole.lr[5:14, 10:19])
    assert whole.hr is not None
    assert part.hr is not None
    np.testing.assert_array_equal(part.hr, whole.hr[20:56, 40:76])


def test_crop_larger_than_a_side_keeps_that_side(tmp_path: Path) -> None:
    part = ImagePair("a", picture(tmp_path / "a.png", 24, 80), None).load(4, crop=10)
    assert part.lr.shape == (6, 10, 3)
    assert part.hr is not None
    assert part.hr.shape == (24, 40, 3)
    with pytest.raises(RequestError, match="crop is 0"):
        ImagePair("a", tmp_path / "a.png", None).load(4, crop=0)


def test_digest_is_of_the_pixels_and_of_nothing_else(tmp_path: Path) -> None:
    pair = ImagePair("a", picture(tmp_path / "a.png", 24, 24), None)
    digest = pair.load(4).digest
    assert len(digest) == 64
    (tmp_path / "elsewhere.bmp").write_bytes((tmp_path / "a.png").read_bytes())
    assert ImagePair("b", tmp_path / "elsewhere.bmp", None).load(4).digest == digest
    others = {
        pair.load(2).digest,
        pair.load(4, crop=3).digest,
        ImagePair("a", None, tmp_path / "a.png").load(4).digest,
        ImagePair("a", picture(tmp_path / "b.png", 24, 24, seed=1), None).load(4).digest,
    }
    assert len(others | {digest}) == 5


def test_a_reshaped_image_has_another_digest(tmp_path: Path) -> None:
    flat = np.zeros((2, 6, 3), np.uint8)
    write_png(tmp_path / "wide.png", flat)
    write_png(tmp_path / "tall.png", flat.reshape(6, 2, 3))
    digests = {ImagePair("a", None, tmp_path / name).load(4).digest for name in ("wide.png", "tall.png")}
    assert len(digests) == 2


def test_the_bad_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "lr.png").write_bytes(b"")
    with pytest.raises(RequestError, match=r"lr\.png: is empty"):
        ImagePair("a", picture(tmp_path / "hr.png", 8, 8), tmp_path / "lr.png").load(4)
