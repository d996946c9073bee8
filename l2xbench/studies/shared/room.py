"""Whether images have room for the windows and patches that a YAML names, by the sizes of their files alone."""

from __future__ import annotations

from collections.abc import Callable

from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.studies.shared.places import ChosenPlaces, patch_size
from l2xbench.studies.study import SizesOfImages
from l2xbench.words import words

Sizes = Callable[[], SizesOfImages]


def check_patches(
    key: str, places: list[tuple[int, int]] | ChosenPlaces, size: int | None, config: StudyConfig, sizes: Sizes
) -> None:
    """Given places that no image has all of; chosen ones are looked for in each image.

    Args:
        key: of the block.
        places: as the YAML says.
        size: likewise.
        config: the study.
        sizes: of the images.

    Raises:
        RequestError: every image would fail, by key.
    """
    if not isinstance(places, list):
        return
    side, called = patch_size(size, config.scale), words(config.scale).sr
    images = [
        (length[0] * config.scale, length[1] * config.scale, name)
        for dataset in sizes().values()
        for name, length in dataset.items()
    ]
    down, across = (max(place[axis] + side for place in places) for axis in (1, 0))
    if not images or any(height >= down and width >= across for height, width, _ in images):
        return
    height, width, name = max(images, key=lambda image: image[0] * image[1])
    x, y = next(place for place in places if place[0] + side > width or place[1] + side > height)
    most = "the" if len(images) == 1 else "any image; the largest has the"
    of = f" of {name}" if len(images) == 1 else f", {name}"
    raise RequestError(
        f"{key}.places: the patch of {side} x {side} {called} pixels at {x},{y} (left, top) is not within {most} "
        f"{width} x {height} {called} pixels{of}{would_fit(x, y, side, width, height)}"
    )


def would_fit(x: int, y: int, side: int, width: int, height: int) -> str:
    """The end of an error line about a square at (x, y) of an image: what would be right."""
    if side > min(width, height):
        return f"; a side of at most {min(width, height)} fits"
    return f"; left is at most {width - side}, top {height - side}"
