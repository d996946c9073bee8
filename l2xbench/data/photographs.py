"""The photographs that ship inside scikit-image: HR images for a machine without a network."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from l2xbench.data.pairs import ImagePair
from l2xbench.errors import RequestError

#: The colour photographs inside the installed package; its other pictures are greyscale, microscopy,
#: medical or drawn. Of the stereo pair of the motorcycle, one.
FILES = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
)


def photographs() -> tuple[Path, list[ImagePair]]:
    """The folder of scikit-image's pictures and, as HR without LR, the photographs that are there.

    scikit-image's own functions download a file that is missing; here files are only read.

    Raises:
        RequestError: scikit-image is not installed, or came without its photographs.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise RequestError("path: skimage needs the package scikit-image, which is not installed")
    folder = Path(spec.origin).parent / "data"
    pairs = [ImagePair(Path(file).stem, folder / file, None) for file in FILES if (folder / file).is_file()]
    if not pairs:
        raise RequestError(f"path: scikit-image came without its photographs: none in {folder}")
    return folder, pairs
