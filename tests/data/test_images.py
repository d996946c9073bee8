"""Every kind of image file that a researcher's folder may hold, and what becomes of it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, features

from l2xbench.data.images import read_image, to_image, to_tensor, write_png
from l2xbench.errors import RequestError


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)


def save(path: Path, array: np.ndarray, mode: str | None = None, **options: object) -> Path:
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def refusal(path: Path) -> str:
    """The one line that names the file."""
    with pytest.raises(RequestError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def header_only_png(path: Path, width: int, height: int) -> Path:
    """A valid header of a huge greyscale image and hardly any data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + data)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm"])
def test_lossless_rgb_is_read_as_stored(tmp_path: Path, rgb: np.ndarray, suffix: str) -> None:
    image = read_image(save(tmp_path / f"a{suffix}", rgb))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, rgb)


def test_ending_does_not_decide_the_format(tmp_path: Path, rgb: np.ndarray) -> None:
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.jpg", rgb, format="PNG")), rgb)


def test_greyscale_and_two_levels_are_replicated(tmp_path: Path, rgb: np.ndarray) -> None:
    grey = rgb[:, :, 0]
    np.testing.assert_array_equal(read_image(save(tmp_path / "l.png", grey)), np.stack([grey] * 3, axis=2))
    levels = np.where(grey > 127, 255, 0).astype(np.uint8)
    image = read_image(save(tmp_path / "1.png", levels, "1"))
    np.testing.assert_array_equal(image, np.stack([levels] * 3, axis=2))


def test_alpha_is_dropped_and_the_stored_colour_kept(tmp_path: Path, rgb: np.ndarray) -> None:
    alpha = np.linspace(0, 255, rgb[:, :, 0].size).astype(np.uint8).reshape((*rgb.shape[:2], 1))
    rgba = save(tmp_path / "rgba.png", np.concatenate([rgb, alpha], 2))
    np.testing.assert_array_equal(read_image(rgba), rgb)
    la = save(tmp_path / "la.png", np.concatenate([rgb[:, :, :1], alpha], 2))
    np.testing.assert_array_equal(read_image(la), np.repeat(rgb[:, :, :1], 3, axis=2))


@pytest.mark.parametrize("transparency", [None, 3, bytes([0, 128, 255, 7])])
def test_palette_is_looked_up(tmp_path: Path, transparency: int | bytes | None) -> None:
    index = np.arange(12, dtype=np.uint8).reshape(3, 4) % 4
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 99, 199]], dtype=np.uint8)
    image = Image.fromarray(index).convert("L")
    image.putpalette(colours.tobytes())
    options = {} if transparency is None else {"transparency": transparency}
    image.save(tmp_path / "p.png", **options)
    assert Image.open(tmp_path / "p.png").mode == "P"
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), colours[index])


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    cmyk = np.zeros((4, 4, 4), dtype=np.uint8)
    cmyk[..., 0] = 255  # full cyan ink
    Image.fromarray(cmyk, mode="CMYK").save(tmp_path / "c.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "c.tif"), np.full((4, 4, 3), [0, 255, 255]))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_greyscale_keeps_the_high_byte(tmp_path: Path, suffix: str) -> None:
    deep = np.array([[0, 255, 256, 511], [32767, 32768, 65279, 65535]], dtype=np.uint16)
    if suffix == ".pgm":  # not every Pillow writes these
        (tmp_path / "d.pgm").write_bytes(b"P5 4 2 65535\n" + deep.astype(">u2").tobytes())
    else:
        Image.fromarray(deep).save(tmp_path / f"d{suffix}")
    image = read_image(tmp_path / f"d{suffix}")
    np.testing.assert_array_equal(image[:, :, 1], [[0, 0, 1, 1], [127, 128, 254, 255]])


def test_16_bit_colour_keeps_the_high_byte(tmp_path: Path) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (5, 6, 3), dtype=np.uint16)
    (tmp_path / "d.ppm").write_bytes(b"P6 6 5 65535\n" + deep.astype(">u2").tobytes())
    image = read_image(tmp_path / "d.ppm").astype(int)
    assert np.abs(image - (deep >> 8)).max() <= 1  # Pillow rounds PPM, and cuts PNG


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_orientation_is_applied(tmp_path: Path, rgb: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "o.png", rgb, exif=exif)
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    np.testing.assert_array_equal(read_image(path), np.rot90(rgb, turns))


def test_orientation_of_16_bit(tmp_path: Path) -> None:
    deep = (np.arange(12, dtype=np.uint16) * 5000).reshape(3, 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(deep).save(tmp_path / "o.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "o.png")[:, :, 0], np.rot90(deep >> 8, 3))


def test_camera_jpeg_with_previews_is_its_first_picture(tmp_path: Path, rgb: np.ndarray) -> None:
    first = Image.fromarray(np.full((16, 16, 3), 200, np.uint8))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[Image.new("RGB", (16, 16))])
    assert abs(int(read_image(tmp_path / "a.jpg").mean()) - 200) <= 2


def test_refuses_what_is_not_a_still_image(tmp_path: Path, rgb: np.ndarray) -> None:
    (tmp_path / "empty.png").touch()
    assert "is empty" in refusal(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("not an image")
    assert "not an image in a known format" in refusal(tmp_path / "text.png")
    assert "no such file" in refusal(tmp_path / "absent.png")
    (tmp_path / "folder.png").mkdir()
    assert "is a folder" in refusal(tmp_path / "folder.png")
    frames = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (0, 100, 200)]
    for name in ("moving.gif", "moving.png", "pages.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert "holds 3 frames or pages" in refusal(tmp_path / name)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_refuses_a_truncated_file(tmp_path: Path, suffix: str) -> None:
    big = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / f"a{suffix}", big)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refusal(path)


def test_any_damage_is_one_line(tmp_path: Path, rgb: np.ndarray) -> None:
    """Whatever bytes are flipped, there is an image or a RequestError, never another exception."""
    rng = np.random.default_rng(3)
    for suffix in (".png", ".jpg", ".gif", ".tif", ".bmp", ".webp"):
        whole = save(tmp_path / f"whole{suffix}", rgb).read_bytes()
        for _ in range(40):
            damaged = bytearray(whole)
            for at in rng.integers(0, len(whole), 4):
                damaged[at] ^= int(rng.integers(1, 256))
            path = tmp_path / f"damaged{suffix}"
            path.write_bytes(bytes(damaged))
            try:
                assert read_image(path).shape[2] == 3
            except RequestError as error:
                assert str(path) in str(error)


@pytest.mark.parametrize("side", [9_500, 60_000])
def test_refuses_a_decompression_bomb_before_decoding(
    tmp_path: Path, side: int, recwarn: pytest.WarningsRecorder
) -> None:
    assert "too large" in refusal(header_only_png(tmp_path / "bomb.png", side, side))
    assert not recwarn.list


def test_refuses_pixels_of_unknown_range(tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "f.tif")
    assert "floating-point" in refusal(tmp_path / "f.tif")
    Image.fromarray(np.ones((4, 4), np.int32)).save(tmp_path / "i.tif")
    assert "32-bit integer" in refusal(tmp_path / "i.tif")


def test_postscript_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    assert "not an image in a known format" in refusal(tmp_path / "a.png")


def test_tensor_and_back(rgb: np.ndarray) -> None:
    tensor = to_tensor(rgb)
    assert tensor.shape == (1, 3, 12, 17)
    assert tensor.dtype == torch.float32
    assert tensor[0, 2, 3, 4].item() == pytest.approx(rgb[3, 4, 2] / 255)
    np.testing.assert_array_equal(to_image(tensor), rgb)


def test_output_is_clamped_and_rounded_half_to_even() -> None:
    values = torch.tensor([-1.0, 0.4 / 255, 0.6 / 255, 0.5 / 255, 254.6 / 255, 7.0]).view(1, 1, 1, 6)
    assert to_image(values.expand(1, 3, 1, 6))[0, :, 0].tolist() == [0, 0, 1, 0, 255, 255]


def tiff(values: np.ndarray) -> bytes:
    """A plain TIFF of (H, W, 3) values of any type, which Pillow does not write."""
    kind = {"u": 1, "i": 2, "f": 3, "c": 6}[values.dtype.kind]
    bits = values.dtype.itemsize * 8
    height, width, channels = values.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 2), (273, 8), (277, channels)]
    tags += [(278, height), (279, values.nbytes), (339, kind)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (np.float32, "floating-point pixels with 32 bits"),
        (np.float64, "floating-point pixels with 64 bits"),
        (np.uint32, "unsigned pixels with 32 bits"),
        (np.complex64, "complex pixels with 64 bits"),
    ],
)
def test_a_tiff_that_cannot_be_read_says_what_it_holds(tmp_path: Path, kind: type, said: str) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(np.ones((4, 5, 3), kind)))
    told = refusal(tmp_path / "a.tif")
    assert said in told and "8 or 16 bits a channel" in told


def test_every_ending_that_a_folder_lists_is_read(tmp_path: Path) -> None:
    from l2xbench.data.folders import SUFFIXES

    image = Image.fromarray(np.full((16, 16, 3), 90, np.uint8))
    if not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    for suffix in SUFFIXES:
        image.convert("L" if suffix == ".pgm" else "RGB").save(tmp_path / f"a{suffix}")
        assert abs(read_image(tmp_path / f"a{suffix}").astype(int) - 90).max() <= 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_output_that_is_no_number_is_no_image(bad: float) -> None:
    sr = torch.zeros(1, 3, 2, 2)
    sr[0, 1, 1, 1] = bad
    with pytest.raises(ValueError, match="1 of the 12 values"):
        to_image(sr)


def test_output_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3, 4, 4\)"):
        to_image(torch.zeros(2, 3, 4, 4))


def test_png_is_read_back_whatever_the_ending(tmp_path: Path, rgb: np.ndarray) -> None:
    write_png(tmp_path / "a.part", rgb)
    np.testing.assert_array_equal(read_image(tmp_path / "a.part"), rgb)
