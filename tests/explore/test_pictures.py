"""The images of the page: what is found, what an upload becomes, where the window lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from l2xbench.data.degradations import Harm
from l2xbench.data.pairs import ImagePair
from l2xbench.errors import RequestError
from l2xbench.explore import pictures
from l2xbench.explore.pictures import Picture, Uploads, collect


def test_the_photographs_of_scikit_image_by_default() -> None:
    found = collect([], 4, "lr")
    assert [picture.label for picture in found][:2] == ["astronaut", "chelsea"]
    assert {picture.kind for picture in found} == {"hr"}


def test_files_and_folders_and_equal_names_told_apart(photographs: Path) -> None:
    file = photographs / "photo1.png"
    found = collect([str(file), str(photographs), str(file)], 4, "lr")
    labels = [picture.label for picture in found]
    assert labels == [
        "photo1.png",
        "photographs: photo0",
        "photographs: photo1",
        "photographs: photo2",
        "photo1.png (2)",
    ]
    assert {picture.kind for picture in found} == {"lr"}
    assert {picture.kind for picture in collect([str(file), str(photographs)], 4, "hr")} == {"hr"}


def test_a_folder_of_pairs_tells_its_kinds_itself(tmp_path: Path) -> None:
    for kind, side in (("HR", 32), ("LR", 8)):
        (tmp_path / kind).mkdir()
        Image.new("RGB", (side, side)).save(tmp_path / kind / "a.png")
    (picture,) = collect([str(tmp_path)], 4, "hr")
    assert picture.pair.lr is not None and picture.pair.hr is not None
    assert picture.as_kind("hr") is picture


def test_what_is_done_to_lr_is_not_forgotten_when_a_file_is_taken_for_lr_for_a_while(photographs: Path) -> None:
    pair = ImagePair("photo0", photographs / "photo0.png", None, "pillow", Harm(noise=25))
    picture = Picture("photo0.png", pair)
    assert picture.as_kind("lr").as_kind("hr") == picture


def test_a_file_that_is_no_image_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("words")
    with pytest.raises(RequestError, match=r"notes\.txt: is not an image"):
        collect([str(path)], 4, "lr")
    with pytest.raises(RequestError, match=r"none\.png: no such file"):
        collect([str(tmp_path / "none.png")], 4, "lr")


def test_an_upload_is_taken_for_lr_or_hr_and_goes_with_the_program(photographs: Path) -> None:
    uploads = Uploads()
    data = (photographs / "photo0.png").read_bytes()
    lr, hr = (uploads.add("C:\\pictures\\mine.png", data, kind) for kind in ("lr", "hr"))
    assert lr.label == hr.label == "mine.png"
    assert pictures.load(lr, 4).lr.shape == (40, 48, 3)
    assert pictures.load(hr, 4).lr.shape == (10, 12, 3)
    assert pictures.load(lr.as_kind("hr"), 4).lr.shape == (10, 12, 3)
    file = lr.pair.lr
    assert file is not None and file.is_file()
    uploads.close()
    assert not file.exists()


def test_a_wrong_upload_is_told_by_its_own_name() -> None:
    uploads = Uploads()
    with pytest.raises(RequestError) as told:
        uploads.add("../<b>.png", b"no image", "lr")
    uploads.close()
    assert str(told.value).startswith("<b>.png: is not an image")


def test_an_image_too_small_for_the_scale_is_told_by_its_label(tmp_path: Path) -> None:
    Image.new("RGB", (3, 3)).save(tmp_path / "dot.png")
    (picture,) = collect([str(tmp_path / "dot.png")], 4, "hr")
    with pytest.raises(RequestError, match=r"^dot\.png: 3 x 3 pixels are too few"):
        pictures.load(picture, 4)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((10, 12, 3), [12]), ((100, 64, 3), [32, 48, 64, 96, 100]), ((300, 4000, 3), [32, 48, 64, 96, 128, 192, 256])],
)
def test_sides_that_an_image_offers(shape: tuple[int, int, int], expected: list[int]) -> None:
    assert pictures.sides(shape) == expected


def test_a_window_lies_within_its_image() -> None:
    assert pictures.window((100, 60, 3), 32) == (34, 14, 32, 32)
    assert pictures.window((100, 60, 3), 32, (0, 60)) == (0, 28, 32, 32)
    assert pictures.window((100, 20, 3), 32, (99, 10)) == (68, 0, 32, 20)


def test_a_window_of_a_pair_shows_the_same_place_in_lr_and_hr(photographs: Path) -> None:
    (picture,) = collect([str(photographs / "photo0.png")], 4, "hr")
    whole = pictures.load(picture, 4)
    part = whole.window((2, 3, 4, 5), 4)
    assert whole.hr is not None and part.hr is not None
    assert np.array_equal(part.lr, whole.lr[2:6, 3:8])
    assert np.array_equal(part.hr, whole.hr[8:24, 12:32])
    assert part.digest != whole.digest


def test_a_label_as_a_file_name() -> None:
    assert pictures.file_name("Set5: a b/../c.png") == "c"
    assert pictures.file_name("Set5: baby") == "Set5-baby"
    assert pictures.file_name("...") == "image"
