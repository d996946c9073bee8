"""Image files to 8-bit RGB arrays, arrays to tensors, and back."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError
from torch import Tensor

from l2xbench.errors import RequestError

#: Pillow decoders that may run. Left out above all: EPS, which starts Ghostscript on whatever the file holds.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000", "AVIF")

_ORIENTATION = 274
"""EXIF's tag; from 5 on width and height are exchanged."""
_BITS, _SAMPLE_FORMAT = 258, 339
"""TIFF's tags of how its pixels are stored."""

#: More pixels than any SR test set has (DIV8K: 50 million), fewer than fill a memory by way of a small file.
MAX_PIXELS = 89_000_000


def read_image(path: Path | str) -> np.ndarray:
    """Read an image file as uint8 RGB of shape (H, W, 3).

    Whatever the file holds becomes what BasicSR and most SR code would evaluate, so that figures stay
    comparable: greyscale and two-level images are replicated to three channels; a palette is looked up; CMYK
    becomes RGB without a colour profile; alpha is dropped and the stored colours kept, not composited over a
    background that nobody chose; 16 bits are cut to the high 8; an EXIF orientation is applied.

    Raises:
        RequestError: the file is missing, empty, not an image, truncated, animated, of more than `MAX_PIXELS`
            pixels, or holds floating-point or 32-bit integer pixels, whose range nothing tells.
    """
    path = Path(path)
    with _opened(path) as opened:
        return _decode(opened, path)


def require_image_file(path: Path) -> None:
    """Looks at the beginning of a file, whether `read_image` would open it; nothing is decoded.

    Raises:
        RequestError: as `read_image`, of a file that is missing, empty or no image.
    """
    with _opened(path):
        pass


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image of a file, not decoded yet; what is wrong with it, here or within, is told in a line."""
    try:
        if path.is_dir():
            raise RequestError(f"{path}: is a folder, not an image file")
        if path.stat().st_size == 0:
            raise RequestError(f"{path}: is empty (0 bytes), not an image")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on metadata and size; the checks here decide
            with Image.open(path, formats=_readable()) as opened:
                yield opened
    except RequestError:
        raise
    except FileNotFoundError:
        raise RequestError(f"{path}: no such file") from None
    except PermissionError:
        raise RequestError(f"{path}: may not be read (permission denied)") from None
    except UnidentifiedImageError:
        raise RequestError(f"{path}: {_unidentified(path)}") from None
    except Image.DecompressionBombError as error:
        raise RequestError(f"{path}: is too large an image: {error}") from None
    except Exception as error:  # broken files make Pillow's decoders raise a dozen kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RequestError(f"{path}: cannot be decoded, the file is damaged: {reason}") from error


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of what `read_image` gives, from the file's head: no pixel is decoded.

    Raises:
        OSError: the file cannot be read, or is no image.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=_readable()) as opened:
            width, height = opened.size
            turned = opened.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def _readable() -> list[str]:
    """Those of the formats that this Pillow has a decoder of; AVIF's is not in every one."""
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _unidentified(path: Path) -> str:
    """Why Pillow knows no decoder of a file."""
    with path.open("rb") as file:
        head = file.read(16)
        if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis") and "AVIF" not in _readable():
            return "is an AVIF image, which this Pillow cannot read; pip install 'pillow>=11.3', or save it as PNG"
        if head[:4] in (b"II*\0", b"MM\0*"):
            return f"is a TIFF {_tiff_kind(file, head)}; save it with 8 or 16 bits a channel, or as PNG"
    return f"is not an image in a known format ({', '.join(_readable())})"


def _tiff_kind(file: BinaryIO, head: bytes) -> str:
    """What a TIFF that Pillow cannot read holds, by its first directory."""
    kinds = {2: "signed integer", 3: "floating-point", 6: "complex"}
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(head[:8])
        file.seek(directory.next)
        directory.load(file)
        bits, sample = directory.get(_BITS, (0,)), directory.get(_SAMPLE_FORMAT, (1,))
        bits, sample = (each if isinstance(each, tuple) else (each,) for each in (bits, sample))
        return f"of {kinds.get(sample[0], 'unsigned')} pixels with {bits[0]} bits a channel, which cannot be read"
    except Exception:  # a damaged directory may stumble anywhere
        return "that cannot be read"


def _decode(opened: Image.Image, path: Path) -> np.ndarray:
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise RequestError(
            f"{path}: is too large an image: {width} x {height} pixels; "
            f"the limit is {MAX_PIXELS // 10**6} million pixels"
        )
    frames = getattr(opened, "n_frames", 1)
    if frames > 1 and opened.format != "MPO":  # the further frames of an MPO are a camera's previews
        raise RequestError(f"{path}: holds {frames} frames or pages; a single still image is needed")
    image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I;16") or (image.mode == "I" and opened.format in ("PNG", "PPM")):
        # Older Pillow opens 16-bit PNG as "I". The high byte, as for RGB, which Pillow cuts itself.
        grey = (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in ("I", "F"):
        kind = "floating-point" if image.mode == "F" else "32-bit integer"
        raise RequestError(f"{path}: holds {kind} pixels, whose range is unknown; save it with 8 or 16 bits a channel")
    return np.array(image.convert("RGB"))


def to_tensor(image: np.ndarray) -> Tensor:
    """uint8 RGB of shape (H, W, 3) to float32 of shape (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))[None]).float() / 255


def to_image(sr: Tensor) -> np.ndarray:
    """A network's output of shape (1, 3, H, W) to uint8 RGB of shape (H, W, 3), as SR papers do.

    Clamped to [0, 1], times 255, rounded half to even: BasicSR's `tensor2img`.

    Raises:
        ValueError: the shape is another, or a value is NaN or infinite, which no 8-bit value stands for.
    """
    if sr.ndim != 4 or sr.shape[:2] != (1, 3):
        raise ValueError(f"an image of shape (1, 3, H, W) is needed, this is {tuple(sr.shape)}")
    sr = sr.detach()
    bad = int((~torch.isfinite(sr)).sum())
    if bad:
        raise ValueError(f"{bad} of the {sr.numel()} values of the image are NaN or infinite")
    scaled = (sr[0].float().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy())


def write_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 RGB of shape (H, W, 3) to `path` as PNG, whatever the path's ending."""
    Image.fromarray(image).save(path, format="PNG")
