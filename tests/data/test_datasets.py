"""Every layout of a folder, what is chosen from it, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from l2xbench.data.datasets import Dataset, open_dataset
from l2xbench.errors import RequestError


def touch(root: Path, *files: str) -> Path:
    """Files that are no images: opening a dataset decodes nothing."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"")
    return root


def files(dataset: Dataset) -> dict[str, tuple[str | None, str | None]]:
    """Each image's HR and LR file, relative to the dataset's folder."""

    def short(path: Path | None) -> str | None:
        return None if path is None else path.relative_to(dataset.root).as_posix()

    return {pair.name: (short(pair.hr), short(pair.lr)) for pair in dataset.pairs}


def refusal(*args: object, **options: object) -> str:
    with pytest.raises(RequestError) as caught:
        open_dataset(*args, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("inside", [False, True])
def test_selfexsr(tmp_path: Path, inside: bool) -> None:
    root = touch(
        tmp_path / "Set5",
        *(f"image_SRF_4/img_00{i}_SRF_4_{side}.png" for i in (1, 2) for side in ("HR", "LR", "bicubic", "SelfEx")),
        "image_SRF_2/img_001_SRF_2_HR.png",
    )
    folder = root / "image_SRF_4" if inside else root
    dataset = open_dataset("five", folder, 4)
    at = "" if inside else "image_SRF_4/"
    assert files(dataset) == {
        f"img_00{i}": (f"{at}img_00{i}_SRF_4_HR.png", f"{at}img_00{i}_SRF_4_LR.png") for i in (1, 2)
    }
    assert dataset.layout == "SelfExSR (image_SRF_4)"
    assert dataset.note == "2 of Set5's 5 images"


def test_selfexsr_with_a_file_missing_fails_for_that_image_only(tmp_path: Path) -> None:
    touch(tmp_path, "img_001_SRF_4_HR.png", "img_001_SRF_4_LR.png", "img_002_SRF_4_HR.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "img_002_SRF_4_HR.png")
    first, second = open_dataset("a", tmp_path, 4).pairs
    assert first.lr == tmp_path / "img_001_SRF_4_LR.png"
    with pytest.raises(RequestError, match=r"img_002_SRF_4_LR\.png: no such file"):
        second.load(4)


def test_selfexsr_with_one_side_only(tmp_path: Path) -> None:
    hr = open_dataset("a", touch(tmp_path / "hr", "image_SRF_3/img_001_SRF_3_HR.png"), 3)
    assert (hr.pairs[0].lr, hr.note) == (None, "LR made by bicubic")
    lr = open_dataset("a", touch(tmp_path / "lr", "image_SRF_3/img_001_SRF_3_LR.png"), 3)
    assert (lr.pairs[0].hr, lr.note) == (None, "LR only: no metrics")


def test_selfexsr_at_another_scale(tmp_path: Path) -> None:
    root = touch(tmp_path, "image_SRF_2/img_001_SRF_2_HR.png", "image_SRF_3/img_001_SRF_3_HR.png")
    assert "holds image_SRF_2, image_SRF_3; scale 4 needs image_SRF_4" in refusal("a", root, 4)
    assert "image_SRF_2 is image_SRF_2; scale 4 needs image_SRF_4" in refusal("a", root / "image_SRF_2", 4)


@pytest.mark.parametrize(
    ("hr", "lr", "layout"),
    [
        ("HR/{}.png", "LR/{}.png", "HR/ and LR/"),
        ("HR/{}.png", "LR/X4/{}.png", "HR/ and LR/X4/"),
        ("HR/{}.png", "LR_bicubic/X4/{}x4.png", "HR/ and LR_bicubic/X4/"),
        ("HR/{}.bmp", "LR_bicubic/x4/{}x4.png", "HR/ and LR_bicubic/x4/"),
        ("HR/x4/{}.png", "LR/x4/{}_x4.png", "HR/x4/ and LR/x4/"),
        ("hr/{}_HR.png", "lr/{}_LR.png", "hr/ and lr/"),
        ("HR/{}_HR_x4.png", "LR/{}_LR_x4.png", "HR/ and LR/"),
        ("GTmod12/{}.png", "LRbicx4/{}.png", "GTmod12/ and LRbicx4/"),
        ("D_valid_HR/{}.png", "D_valid_LR_bicubic/X4/{}x4.png", "D_valid_HR/ and D_valid_LR_bicubic/X4/"),
    ],
)
def test_two_folders(tmp_path: Path, hr: str, lr: str, layout: str) -> None:
    names = ["climax4", "img_2", "img_10"]
    touch(tmp_path, *(pattern.format(name) for name in names for pattern in (hr, lr)))
    touch(tmp_path, *(f"LR_bicubic/X{s}/climax4x{s}.png" for s in (2, 3)), "HR/._img_2.png", "HR/Thumbs.db")
    dataset = open_dataset("a", tmp_path, 4)
    assert files(dataset) == {name: (hr.format(name), lr.format(name)) for name in names}
    assert list(files(dataset)) == names
    assert dataset.layout == layout
    assert dataset.note is None


def test_of_div2k_the_validation_part_is_taken(tmp_path: Path) -> None:
    for part, name in (("train", "0001"), ("valid", "0801")):
        touch(tmp_path, f"DIV2K_{part}_HR/{name}.png", f"DIV2K_{part}_LR_bicubic/X4/{name}x4.png")
    dataset = open_dataset("div2k", tmp_path, 4)
    assert [pair.name for pair in dataset.pairs] == ["0801"]
    assert dataset.note == "1 of DIV2K validation's 100 images"
    touch(tmp_path, "Other_valid_HR/1.png")
    assert "holds several sets (DIV2K_train, DIV2K_valid, Other_valid)" in refusal("div2k", tmp_path, 4)


def test_files_without_a_partner_fail_by_name_and_alone(tmp_path: Path) -> None:
    touch(tmp_path, "HR/both.png", "LR_bicubic/X4/bothx4.png", "HR/high.png", "LR_bicubic/X4/low.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "HR/high.png")
    both, high, low = open_dataset("a", tmp_path, 4).pairs
    assert both.lr == tmp_path / "LR_bicubic/X4/bothx4.png"
    with pytest.raises(RequestError, match=r"LR_bicubic/X4/highx4\.png: no such file"):
        high.load(4)
    with pytest.raises(RequestError, match=r"HR/low\.png: no such file"):
        low.load(4)


def test_one_of_the_two_folders(tmp_path: Path) -> None:
    hr = open_dataset("a", touch(tmp_path / "1", "HR/a.png", "LR_bicubic/X2/ax2.png"), 4)
    assert files(hr) == {"a": ("HR/a.png", None)}
    assert hr.note == "LR made by bicubic"
    lr = open_dataset("a", touch(tmp_path / "2", "LR/a.png"), 4)
    assert files(lr) == {"a": (None, "LR/a.png")}
    assert lr.note == "LR only: no metrics"


def test_plain_folder(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png", "notes.txt", "sub/c.png", ".hidden.png")
    hr = open_dataset("a", tmp_path, 4)
    assert files(hr) == {"a": ("a.png", None), "b": ("b.JPG", None)}
    assert (hr.layout, hr.note) == ("HR images", "LR made by bicubic")
    lr = open_dataset("a", tmp_path, 4, kind="lr")
    assert files(lr) == {"a": (None, "a.png"), "b": (None, "b.JPG")}
    assert (lr.layout, lr.note) == ("LR images", "LR only: no metrics")


def test_kind_hr_takes_the_folder_as_it_is(tmp_path: Path) -> None:
    touch(tmp_path, "img_001_SRF_4_HR.png", "img_001_SRF_4_LR.png")
    assert len(open_dataset("a", tmp_path, 4, kind="hr").pairs) == 2
    assert "kind: 'both' is not one of auto, hr, lr" in refusal("a", tmp_path, 4, kind="both")


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    message = refusal("Urban100", tmp_path / "nowhere", 4)
    assert message.startswith(f"dataset 'Urban100': path: there is no folder {tmp_path}/nowhere; expected one with HR")
    assert "LR_bicubic/X4/" in message
    touch(tmp_path, "file.png")
    assert f"{tmp_path}/file.png is a file; expected a folder" in refusal("a", tmp_path / "file.png", 4)
    (tmp_path / "empty").mkdir()
    assert "no images found in" in refusal("a", tmp_path / "empty", 4)
    assert "(it is empty)" in refusal("a", tmp_path / "empty", 4)
    touch(tmp_path / "other", *(f"{letter}.txt" for letter in "fedcba"))
    assert "(it holds a.txt, b.txt, c.txt, d.txt, e.txt ...); expected LR images" in refusal(
        "a", tmp_path / "other", 4, kind="lr"
    )
    assert "scale: 0" in refusal("a", tmp_path, 0)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    touch(tmp_path / "1", "a.png", "a.jpg")
    message = refusal("x", tmp_path / "1", 4)
    assert "holds both a.jpg and a.png" in message or "holds both a.png and a.jpg" in message
    touch(tmp_path / "2", "HR/a.png", "HR/a_HR.png", "LR/a.png", "LR/a_LR.png")
    assert "more than one image that would be called 'a'" in refusal("x", tmp_path / "2", 4)


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    return touch(tmp_path / "Urban100", *(f"img_{i:03}.png" for i in range(1, 11)))


def test_the_first_so_many(ten: Path) -> None:
    dataset = open_dataset("u", ten, 4, images=3)
    assert [pair.name for pair in dataset.pairs] == ["img_001", "img_002", "img_003"]
    assert dataset.note == "the first 3 of Urban100's 100 images, as asked for; 10 are there; LR made by bicubic"
    assert len(open_dataset("u", ten, 4, images=50).pairs) == 10
    assert "images: 0 is not a number of images" in refusal("u", ten, 4, images=0)


def test_images_by_name(ten: Path) -> None:
    dataset = open_dataset("u", ten, 4, images=["img_007", "img_002.png", "img_007"])
    assert [pair.name for pair in dataset.pairs] == ["img_007", "img_002"]
    assert f"no image 'img_07' in {ten}; did you mean 'img_007'?" in refusal("u", ten, 4, images=["img_07"])
    assert "; known: img_001, img_002, img_003," in refusal("u", ten, 4, images=["zebra"])
    assert "images: the list is empty" in refusal("u", ten, 4, images=[])


def test_notes_tell_what_is_missing(tmp_path: Path) -> None:
    whole = touch(tmp_path / "mine", *(f"HR/{i}.png" for i in range(5)), *(f"LR/{i}.png" for i in range(5)))
    assert open_dataset("mine", whole, 4).note is None
    assert open_dataset("mine", whole, 4, images=2).note == "the first 2 of 5 images, as asked for"
    assert open_dataset("mine", whole, 4, images=["3"]).note == "1 of 5 images, as asked for"
    assert open_dataset("mine", whole, 4, images=9).note is None
    assert open_dataset("set-5", whole, 4).note is None
    assert open_dataset("set-5", whole, 4, images=2).note == "the first 2 of Set5's 5 images, as asked for"
    assert open_dataset("Set14", whole, 4).note == "5 of Set14's 14 images"
    part = "the first 2 of Set14's 14 images, as asked for; 5 are there"
    assert open_dataset("Set14", whole, 4, images=2).note == part
    assert open_dataset("manga109", whole, 4).note == "5 of Manga109's 109 images"


def test_the_shared_sets(shared: Path) -> None:
    sizes = {"Set5": 5, "Set14": 14, "Urban100": 20}
    notes = {}
    for name, size in sizes.items():
        dataset = open_dataset(name, shared / "data" / name, 4)
        assert len(dataset.pairs) == size
        notes[name] = dataset.note
    assert notes == {"Set5": None, "Set14": None, "Urban100": "20 of Urban100's 100 images"}
    loaded = open_dataset("Set5", shared / "data/Set5", 4, images=["img_001"]).pairs[0].load(4, crop=16)
    assert loaded.hr is not None
    assert (loaded.lr.shape, loaded.hr.shape) == ((16, 16, 3), (64, 64, 3))


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        ("gt/{}.png", "lq/{}.png"),
        ("GT/{}.png", "input/{}.png"),
        ("hq/{}.png", "lq/{}.png"),
        ("target/{}.png", "input/{}.png"),
        ("targets/{}.jpg", "inputs/{}.png"),
        ("sharp/{}.png", "blur/{}.png"),
        ("clean/{}.png", "noisy/{}.png"),
        ("groundtruth/{}.png", "degraded/{}.png"),
        ("norain/norain-{}.png", "rain/rain-{}.png"),
        ("high/{}.png", "low/{}.png"),
        ("HR/{}_HR.png", "LR/{}_LR4.png"),
        ("HR/{}.png", "LR/{}_lq.png"),
        ("{}_HR.png", "{}_LR4.png"),
        ("{}_HR.png", "{}_LR.png"),
        ("{}_gt.png", "{}_lq.png"),
        ("{}_target.png", "{}_input.png"),
        ("{}-sharp.png", "{}-blur.png"),
        ("{}_clean.png", "{}_noisy.png"),
        ("norain-{}.png", "rain-{}.png"),
        ("{}.png", "{}x4.png"),
        ("{}.png", "{}_LR.png"),
    ],
)
def test_both_sides_are_found_by_their_names(tmp_path: Path, hr: str, lr: str) -> None:
    names = ["Canon_001", "Nikon_17"]
    touch(tmp_path, *(side.format(name) for name in names for side in (hr, lr)))
    dataset = open_dataset("real", tmp_path, 4)
    assert files(dataset) == {name: (hr.format(name), lr.format(name)) for name in names}
    assert dataset.note is None


def test_lr_of_other_scales_is_left_out_and_lr_of_no_other_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, *(f"Canon_001_{side}.png" for side in ("HR", "LR2", "LR3", "LR4")))
    dataset = open_dataset("real", tmp_path, 3)
    assert files(dataset) == {"Canon_001": ("Canon_001_HR.png", "Canon_001_LR3.png")}
    assert "LR images of scale 2, 3, 4; the scale here is 8" in refusal("real", tmp_path, 8)


@pytest.mark.parametrize("given", ["LR", "lq", "LRbicx4"])
def test_a_folder_called_lr_holds_lr(tmp_path: Path, given: str) -> None:
    dataset = open_dataset("a", touch(tmp_path / given, "x.png"), 4)
    assert files(dataset) == {"x": (None, "x.png")}
    assert dataset.note == "LR only: no metrics"


def test_a_folder_of_nothing_but_lr_files_is_lr(tmp_path: Path) -> None:
    assert files(open_dataset("a", touch(tmp_path, "x_LR.png", "y_LR.png"), 4)) == {
        "x": (None, "x_LR.png"),
        "y": (None, "y_LR.png"),
    }


def test_words_that_may_be_anything_are_no_side_alone(tmp_path: Path) -> None:
    touch(tmp_path, "clean_kitchen.png", "low-tide.png", "input/other.png", "a_sharp.png")
    assert sorted(files(open_dataset("a", tmp_path, 4))) == ["a_sharp", "clean_kitchen", "low-tide"]


def test_lr_of_an_unknown_name_is_not_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{side}/{name}.png" for side in ("HR", "foggy") for name in "ab"))
    assert "HR/ and foggy/ with images of the same names" in refusal("a", tmp_path, 4)
    assert len(open_dataset("a", tmp_path / "HR", 4).pairs) == 2


BY_A_WORD = {
    4: """HRx4 LRx4, HR_x4 LR_x4, HR x4, HR 4x, HR LR4, HR LRx4, hr lr_x4, HR LR_unknown/X4, gt lq_x4, HR Bicubic,
        DIV2K_valid_HR DIV2K_valid_LR_unknown/X4, test_HR test_LR, Set5_HR Set5_LR_x4, GTmod12 LRbicx4, HR/x4 LR/x4,
        HR bicubic_4x, original LR_bicubic""",
    1: """clear hazy, ground_truth rainy_image, clean_images noisy_images, original_png noisy25, clean jpeg10, ref dist,
        reference raw, clean rainy, groundtruth input, sharp blur_gamma, GT Low""",
}


@pytest.mark.parametrize(
    ("scale", "sides"), [(scale, pair.split()) for scale, all_ in BY_A_WORD.items() for pair in all_.split(",")]
)
def test_folders_of_both_sides_told_by_a_word_of_their_names(tmp_path: Path, scale: int, sides: list[str]) -> None:
    hr, lr = sides
    root = touch(tmp_path / "set", *(f"{side}/{i}.png" for side in sides for i in range(3)))
    assert files(open_dataset("a", root, scale)) == {str(i): (f"{hr}/{i}.png", f"{lr}/{i}.png") for i in range(3)}


def test_a_word_counts_only_beside_the_other_side_and_its_images(tmp_path: Path) -> None:
    root = touch(tmp_path / "a", "HR/1.png", "HR/2.png", "x2/1.png", "x2/2.png", "noise_maps/7.png")
    assert files(open_dataset("a", root, 4)) == {"1": ("HR/1.png", None), "2": ("HR/2.png", None)}
    root = touch(tmp_path / "b", "gt/1.png", "lq_x4/1.png", "lr_x4/1.png")
    assert "may be read in several ways (gt/ and lq_x4/, gt/ and lr_x4/)" in refusal("b", root, 4)
    root = touch(tmp_path / "c", "LR/1.png", "images/1.png")
    assert "if images/ is HR, call it HR/" in refusal("c", root, 4)


def test_several_images_of_one_scene(tmp_path: Path) -> None:
    root = touch(tmp_path, "clear/1.png", "clear/2.png", "hazy/1_0.8_0.2.png", "hazy/1_0.9_0.2.png", "hazy/2_1_0.1.png")
    assert files(open_dataset("a", root, 1)) == {
        "1_0.8_0.2": ("clear/1.png", "hazy/1_0.8_0.2.png"),
        "1_0.9_0.2": ("clear/1.png", "hazy/1_0.9_0.2.png"),
        "2_1_0.1": ("clear/2.png", "hazy/2_1_0.1.png"),
    }


def test_a_scale_in_a_name_at_scale_1(tmp_path: Path) -> None:
    root = touch(tmp_path, "norain/norain-1.png", "rain/norain-1x2.png")
    assert list(files(open_dataset("a", root, 1)).values()) == [("norain/norain-1.png", "rain/norain-1x2.png")]


def test_a_set_within_a_folder_is_named(tmp_path: Path) -> None:
    root = touch(tmp_path, "test/target/1.png", "test/input/1.png")
    assert f"did you mean {root / 'test'}?" in refusal("a", root, 1)
