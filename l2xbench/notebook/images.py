"""Images as networks take them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from l2xbench.data import images
from l2xbench.errors import RequestError


def read_image(path: Path | str, crop: int | tuple[int, int, int, int] | None = None) -> Tensor:
    """An image file as (1, 3, H, W) float32 RGB in [0, 1], as every network of ours takes it.

    Args:
        path: PNG, JPEG, TIFF, WebP and the like; 16 bits are cut to 8, transparency and an alpha channel are dropped.
        crop: the side of the centre that is taken, or a part (y, x, height, width), in pixels.

    Returns:
        (1, 3, H, W) float32 on the CPU.

    Raises:
        RequestError: no image, or a part that it does not have.

    Examples:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.NamedTemporaryFile(suffix=".png") as file:
        ...     Image.new("RGB", (30, 20)).save(file.name)
        ...     read_image(file.name, crop=16).shape
        torch.Size([1, 3, 16, 16])
    """
    return images.to_tensor(cropped(images.read_image(path), crop, str(path)))


def cropped(image: np.ndarray, crop: int | tuple[int, int, int, int] | None, what: str) -> np.ndarray:
    """The part of (H, W, 3) that `crop` names; errors as in `read_image`."""
    if crop is None:
        return image
    height, width = image.shape[:2]
    if isinstance(crop, int):
        crop = ((height - crop) // 2, (width - crop) // 2, crop, crop)
    y, x, rows, columns = crop
    if min(y, x) < 0 or min(rows, columns) < 1 or y + rows > height or x + columns > width:
        raise RequestError(f"{what}: crop {crop} is not inside an image of {height} x {width} pixels")
    return image[y : y + rows, x : x + columns]
