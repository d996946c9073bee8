"""LR by either's bicubic, and the choice of it for a dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from l2xbench.data.bicubic import resize
from l2xbench.data.datasets import open_dataset
from l2xbench.data.degradations import degrade
from l2xbench.data.images import write_png
from l2xbench.data.pairs import ImagePair
from l2xbench.errors import RequestError

HR = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def test_pillow_and_matlab_each_give_their_own() -> None:
    by_pillow = degrade(HR, 4, "pillow")
    assert np.array_equal(by_pillow, np.asarray(Image.fromarray(HR).resize((8, 6), Image.Resampling.BICUBIC)))
    assert np.array_equal(degrade(HR, 4), resize(HR, 1 / 4))
    inside = (slice(2, -2), slice(2, -2))
    difference = abs(by_pillow.astype(int) - degrade(HR, 4))
    assert difference[inside].max() <= 1, "the same kernel, rounded at other places"
    assert difference.max() > 1, "other borders"


@pytest.mark.parametrize("choice", ["matlab", "pillow"])
def test_at_scale_1_nothing_is_degraded(choice: str) -> None:
    assert np.array_equal(degrade(HR, 1, choice), HR)  # type: ignore[arg-type]


def test_lr_of_the_published_lam_code(shared: Path) -> None:
    """Its crop, cut before LR is made, is what a pair of that crop gives."""
    with Image.open(shared / "data/Urban100/image_SRF_4/img_005_SRF_4_HR.png") as opened:
        crop = opened.convert("RGB").crop((300, 200, 556, 456))
    expected = np.asarray(crop.resize((64, 64), Image.Resampling.BICUBIC))
    assert np.array_equal(degrade(np.asarray(crop), 4, "pillow"), expected)


def pairs_folder(root: Path) -> Path:
    for name, pixels in (("HR/a.png", HR), ("LR_bicubic/X4/ax4.png", np.zeros((6, 8, 3), np.uint8))):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(root / name, pixels)
    return root


def test_a_dataset_makes_lr_where_it_is_asked_for(tmp_path: Path) -> None:
    root = pairs_folder(tmp_path)
    given = open_dataset("set", root, 4)
    assert (given.pairs[0].load(4).lr == 0).all()
    for choice, note in (("matlab", "LR made by bicubic"), ("pillow", "LR made by Pillow's bicubic")):
        made = open_dataset("set", root, 4, lr=choice)  # type: ignore[arg-type]
        assert made.note == note
        assert np.array_equal(made.pairs[0].load(4).lr, degrade(HR, 4, choice))  # type: ignore[arg-type]
    sources = {open_dataset("set", root, 4, lr=choice).pairs[0].source(4) for choice in ("auto", "matlab", "pillow")}
    assert len(sources) == 3, "a record of one is no record of another"


def test_lr_cannot_be_made_without_hr(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", HR)
    with pytest.raises(RequestError, match=r"dataset 'set': lr: pillow makes LR from HR, and .*a\.png has no HR"):
        open_dataset("set", tmp_path, 4, kind="lr", lr="pillow")


def test_a_pair_of_hr_alone_says_how_lr_is_made(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", HR)
    made = ImagePair("a", tmp_path / "a.png", None, "pillow").load(4)
    assert np.array_equal(made.lr, degrade(HR, 4, "pillow"))
