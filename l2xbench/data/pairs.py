"""The LR and HR file of one image, and their pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL

from l2xbench.data.degradations import Degradation, Harm, degrade, harmed
from l2xbench.data.images import image_size, read_image, require_image_file
from l2xbench.errors import RequestError

_VERSION = 1
"""The version of `ImagePair.load`: where it is raised, images are read again."""


@dataclass(frozen=True)
class LoadedPair:
    """The decoded pixels of a pair: `lr` (h, w, 3), and `hr` (scale h, scale w, 3) or None, both uint8 RGB.

    `digest` is the SHA-256 of these pixels and their shapes: of all that an image contributes to a result.
    """

    name: str
    lr: np.ndarray
    hr: np.ndarray | None
    digest: str

    def window(self, box: tuple[int, int, int, int], scale: int) -> LoadedPair:
        """The part of the pair that the window (y, x, height, width) of LR pixels shows."""
        return pixels_of(self.name, *_cut(self.lr, self.hr, box, scale))


@dataclass(frozen=True)
class ImagePair:
    """The files of one image. Without `lr`, LR is made from HR by `degradation`; without `hr`, nothing is measured."""

    name: str
    hr: Path | None
    lr: Path | None
    degradation: Degradation = "matlab"
    harm: Harm | None = None
    """What is done to an LR image that is made."""

    def load(self, scale: int, crop: int | None = None) -> LoadedPair:
        """Read, fit and crop the pair.

        Where LR is made, HR is first cut at its right and bottom to a multiple of `scale`, as papers do.
        Where LR is given, an HR larger than `scale` times LR by fewer than `scale` pixels a side is cut
        likewise.

        Args:
            scale: HR pixels for each LR pixel, along each side.
            crop: keep the central `crop` x `crop` pixels of LR (fewer where LR is smaller), and what
                belongs to them of HR. The cut comes after LR is made, so that its pixels are those of the
                whole image.

        Raises:
            RequestError: a file cannot be read, or the two sizes do not go together.
        """
        hr = None if self.hr is None else read_image(self.hr)
        if self.lr is not None:
            lr = read_image(self.lr)
            hr = None if hr is None else self._fitted(hr, lr, scale)
        elif hr is not None:
            height, width = (length // scale * scale for length in hr.shape[:2])
            if not (height and width):
                raise RequestError(f"{self.hr}: {_size(hr)} pixels are too few to make LR from at scale {scale}")
            hr = hr[:height, :width]
            lr = degrade(hr, scale, self.degradation)
            if self.harm is not None:
                lr = harmed(lr, self.harm, self.name)
        else:
            raise ValueError(f"the pair {self.name!r} has no file")
        if crop is not None:
            if crop < 1:
                raise RequestError(f"crop is {crop}; it is a number of LR pixels from 1")
            top, left = (max(0, length - crop) // 2 for length in lr.shape[:2])
            lr, hr = _cut(lr, hr, (top, left, crop, crop), scale)
        return pixels_of(self.name, lr, hr)

    def lr_size(self, scale: int, crop: int | None = None) -> tuple[int, int] | None:
        """Height and width of LR as `load` gives it; None where the file is not one that can be read."""
        file = self.lr if self.lr is not None else self.hr
        try:
            assert file is not None
            size = image_size(file)
        except Exception:  # broken files make Pillow's decoders raise a dozen kinds; reading it says why
            return None
        height, width = size if self.lr is not None else (length // scale for length in size)
        return (height, width) if crop is None else (min(height, crop), min(width, crop))

    def require_images(self) -> None:
        """Looks at the beginning of each file, whether it is an image.

        Raises:
            RequestError: one is missing, or no image.
        """
        for path in (self.hr, self.lr):
            if path is not None:
                require_image_file(path)

    def source(self, scale: int, crop: int | None = None) -> str:
        """SHA-256 over the files, and over what else decides which pixels `load` makes of them: nothing is decoded.

        Raises:
            RequestError: a file cannot be read.
        """
        made = "" if self.lr is not None or self.degradation == "matlab" else f" {self.degradation}"
        if self.lr is None and self.harm is not None:
            made += f" {self.harm!r} {self.name}"
        digest = hashlib.sha256(f"{PIL.__version__} {_VERSION} {scale} {crop}{made}".encode())
        for path in (self.hr, self.lr):
            digest.update(b"\0" if path is None else b"\1")
            if path is not None:
                try:
                    digest.update(hashlib.sha256(path.read_bytes()).digest())
                except OSError as error:
                    raise RequestError(f"{path}: cannot be read ({error.strerror})") from None
        return digest.hexdigest()

    def _fitted(self, hr: np.ndarray, lr: np.ndarray, scale: int) -> np.ndarray:
        height, width = (length * scale for length in lr.shape[:2])
        if not (0 <= hr.shape[0] - height < scale and 0 <= hr.shape[1] - width < scale):
            larger = f", or larger by fewer than {scale} pixels a side" if scale > 1 else ""
            hint = "; for images of one size say scale: 1" if scale > 1 and hr.shape == lr.shape else ""
            raise RequestError(
                f"{self.hr}: {_size(hr)} pixels do not go with the {_size(lr)} of {self.lr}: at scale "
                f"{scale} HR must be {width} x {height}{larger}{hint}"
            )
        return hr[:height, :width]


def _cut(
    lr: np.ndarray, hr: np.ndarray | None, box: tuple[int, int, int, int], scale: int
) -> tuple[np.ndarray, np.ndarray | None]:
    y, x, height, width = box
    if hr is not None:
        hr = hr[y * scale : (y + height) * scale, x * scale : (x + width) * scale]
    return lr[y : y + height, x : x + width], hr


def pixels_of(name: str, lr: np.ndarray, hr: np.ndarray | None = None) -> LoadedPair:
    """A pair of pixels that are here already: `lr` (h, w, 3), `hr` (scale h, scale w, 3) or None, uint8 RGB."""
    lr = np.ascontiguousarray(lr)
    hr = None if hr is None else np.ascontiguousarray(hr)
    return LoadedPair(name, lr, hr, _digest(lr, hr))


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"


def _digest(lr: np.ndarray, hr: np.ndarray | None) -> str:
    digest = hashlib.sha256()
    for image in (lr, hr):
        digest.update(repr(None if image is None else image.shape).encode())
        if image is not None:
            digest.update(image.data)
    return digest.hexdigest()
