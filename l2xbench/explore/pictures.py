"""The images that may be chosen on the page: files, folders, a study's datasets, uploads."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from l2xbench.data.datasets import Dataset, open_dataset
from l2xbench.data.folders import printable
from l2xbench.data.images import read_image
from l2xbench.data.pairs import ImagePair, LoadedPair
from l2xbench.draw.panels import Box
from l2xbench.errors import RequestError
from l2xbench.system.files import write_whole

Kind = Literal["lr", "hr"]

BUNDLED = "skimage"

SIDES = (32, 48, 64, 96, 128, 192, 256)
"""LR pixels on a side of the window that is explained; the last is the most that a click should wait for."""

_KEPT = 8
"""Whole images in memory."""


@dataclass(frozen=True)
class Picture:
    """An image that may be chosen: its files, and what to call it."""

    label: str
    pair: ImagePair

    @property
    def kind(self) -> Kind:
        """Whether LR is given or made of HR by bicubic."""
        return "hr" if self.pair.lr is None else "lr"

    def as_kind(self, kind: Kind) -> Picture:
        """The same file taken for an LR or an HR image; a picture of both files stays as it is."""
        files = [file for file in (self.pair.lr, self.pair.hr) if file is not None]
        if len(files) != 1:
            return self
        lr, hr = (files[0], None) if kind == "lr" else (None, files[0])
        return replace(self, pair=replace(self.pair, hr=hr, lr=lr))


def collect(paths: Sequence[str], scale: int, kind: Kind) -> list[Picture]:
    """The pictures of files and folders, in this order; those of scikit-image where nothing is named.

    Args:
        paths: image files; folders as `open_dataset` knows them.
        scale: the networks'.
        kind: what a file is: an LR image, or an HR one of which LR is made. A folder of two kinds tells itself.

    Raises:
        RequestError: there is no such file, a folder holds no images, or a file is no image.
    """
    found: list[Picture] = []
    for path in map(Path, paths or [BUNDLED]):
        place = path.expanduser()
        if str(path) == BUNDLED and not place.exists():
            found += dataset_pictures([open_dataset(BUNDLED, BUNDLED, scale)], named=False)
        elif place.is_dir():
            folder = open_dataset(printable(place.resolve().name) or "images", place, scale)
            if all(pair.lr is None for pair in folder.pairs) and kind == "lr":
                folder = open_dataset(folder.name, place, scale, kind="lr")
            found += dataset_pictures([folder], named=len(paths) > 1)
        else:
            read_image(place)  # a wrong file is told before the page opens
            found.append(Picture(printable(path.name), ImagePair(printable(path.stem), None, place)).as_kind(kind))
    return _told_apart(found)


def dataset_pictures(datasets: Iterable[Dataset], *, named: bool = True) -> list[Picture]:
    """The pictures of datasets, with or without the dataset's name before each."""
    return [
        Picture(f"{dataset.name}: {pair.name}" if named else pair.name, pair)
        for dataset in datasets
        for pair in dataset.pairs
    ]


def _told_apart(pictures: list[Picture]) -> list[Picture]:
    labels: dict[str, int] = {}
    apart = []
    for picture in pictures:
        count = labels[picture.label] = labels.get(picture.label, 0) + 1
        apart.append(picture if count == 1 else replace(picture, label=f"{picture.label} ({count})"))
    return apart


class Uploads:
    """Uploaded files, in a folder that goes with the program."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="l2xbench-explore-")
        self._count = 0

    def add(self, name: str, data: bytes, kind: Kind) -> Picture:
        """Keeps an uploaded file.

        Raises:
            RequestError: it is not an image, or cannot be kept; the line has the file's own name.
        """
        self._count += 1
        shown = printable(Path(name.replace("\\", "/")).name) or "upload"
        path = Path(self._folder.name, f"{self._count}{Path(shown).suffix[:8]}")
        try:
            write_whole(path, data)
            read_image(path)
        except RequestError as error:
            path.unlink(missing_ok=True)
            raise RequestError(str(error).replace(str(path), shown)) from None
        return Picture(shown, ImagePair(Path(shown).stem or "upload", None, path)).as_kind(kind)

    def close(self) -> None:
        """Removes the files."""
        self._folder.cleanup()


@lru_cache(maxsize=_KEPT)
def load(picture: Picture, scale: int) -> LoadedPair:
    """The whole image, LR and, where it is there, HR.

    Raises:
        RequestError: a file cannot be read, or LR and HR do not go together; the line has the picture's label.
    """
    try:
        return picture.pair.load(scale)
    except RequestError as error:
        files = [file for file in (picture.pair.hr, picture.pair.lr) if file is not None]
        line = str(error)
        for file in files:
            line = line.replace(str(file), file.name if len(files) > 1 else picture.label)
        raise RequestError(line) from None


def sides(shape: tuple[int, ...]) -> list[int]:
    """The sides of a window to choose from in an LR image of this shape: those that fit, or the image's own."""
    longest = max(shape[:2])
    fitting = [side for side in SIDES if side < longest]
    return [*fitting, longest] if longest <= SIDES[-1] else fitting


def window(shape: tuple[int, ...], side: int, middle: tuple[float, float] | None = None) -> Box:
    """The window of at most `side` LR pixels about `middle` (y, x), moved to lie within an LR image of this shape."""
    box = []
    for length, at in zip(shape[:2], middle or (shape[0] / 2, shape[1] / 2), strict=True):
        size = min(side, length)
        box.append((min(max(round(at - size / 2), 0), length - size), size))
    (y, height), (x, width) = box
    return (y, x, height, width)


def file_name(label: str) -> str:
    """A label as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", Path(label).stem).strip("-.") or "image"
