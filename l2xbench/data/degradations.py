"""How LR is made from HR: by MATLAB's bicubic, which SR papers use, or by Pillow's, which LAM's and CEM's demos use."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Literal

import numpy as np

from l2xbench.data.bicubic import resize

LrChoice = Literal["auto", "matlab", "pillow"]
"""`auto` takes the LR file where there is one, and MATLAB's bicubic of HR elsewhere; the others always make LR."""
Degradation = Literal["matlab", "pillow"]
NAMES: dict[Degradation, str] = {"matlab": "bicubic", "pillow": "Pillow's bicubic"}
"""What tables and notes call it."""


@dataclass(frozen=True)
class Harm:
    """What is done to LR images once they are made: blurred, made noisy, compressed, in this order.

    Attributes:
        blur: the deviation of a Gaussian, in pixels; the image is mirrored at its border.
        noise: the deviation of white Gaussian noise, in grey levels of 255.
        jpeg: the quality of a JPEG file, as libjpeg counts it.
        seed: with the image's name, decides the noise.
    """

    blur: float | None = None
    noise: float | None = None
    jpeg: int | None = None
    seed: int = 0

    def __str__(self) -> str:
        """As a note tells it.

        Examples:
            >>> print(Harm(noise=25, jpeg=40))
            noise 25 and JPEG of quality 40
        """
        parts = []
        if self.blur is not None:
            parts.append(f"Gaussian blur of deviation {self.blur:g}")
        if self.noise is not None:
            parts.append(f"noise {self.noise:g}")
        if self.jpeg is not None:
            parts.append(f"JPEG of quality {self.jpeg}")
        return " and ".join(parts)


def harmed(image: np.ndarray, harm: Harm, name: str) -> np.ndarray:
    """An image as `harm` leaves it, rounded to 8 bits: the same for an image of the same name in every study.

    Args:
        image: (h, w, 3) uint8.
        harm: what is done.
        name: the image's, which the noise is drawn by.

    Returns:
        (h, w, 3) uint8.

    Examples:
        >>> import numpy as np
        >>> grey = np.full((64, 64, 3), 128, np.uint8)
        >>> round(float(harmed(grey, Harm(noise=25), "a").std()))
        25
    """
    values = image.astype(np.float64)
    if harm.blur is not None:
        from scipy.ndimage import gaussian_filter

        values = gaussian_filter(values, (harm.blur, harm.blur, 0), mode="reflect")
    if harm.noise is not None:
        digest = hashlib.sha256(f"{harm.seed} {name}".encode()).digest()
        values += np.random.default_rng(int.from_bytes(digest[:8], "big")).normal(0, harm.noise, values.shape)
    spoiled = values.round().clip(0, 255).astype(np.uint8)
    if harm.jpeg is not None:
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(spoiled).save(file, format="JPEG", quality=harm.jpeg)
        spoiled = np.array(Image.open(file).convert("RGB"))
    return spoiled


def degrade(hr: np.ndarray, scale: int, degradation: Degradation = "matlab") -> np.ndarray:
    """The LR image of an HR one.

    Both are Keys' cubic with a = -0.5, antialiased. Pillow's works on 8 bits, renormalises the kernel at the border
    where MATLAB's mirrors the image, and rounds between its horizontal and its vertical pass.

    Args:
        hr: (scale h, scale w, 3) uint8.
        scale: HR pixels for each LR pixel, along each side; at 1, HR itself is returned.
        degradation: `matlab` or `pillow`.

    Returns:
        (h, w, 3) uint8.

    Examples:
        >>> import numpy as np
        >>> degrade(np.full((8, 12, 3), 200, np.uint8), 4, "pillow").shape
        (2, 3, 3)
    """
    if scale == 1:
        return hr
    if degradation == "matlab":
        return resize(hr, 1 / scale)
    from PIL import Image  # a study is parsed by the names above, and needs no image for that

    height, width = (length // scale for length in hr.shape[:2])
    return np.asarray(Image.fromarray(hr).resize((width, height), Image.Resampling.BICUBIC))
