"""A figure as a notebook shows it: in fewer pixels and colours, so that the notebook stays small."""

from __future__ import annotations

import io

from PIL import Image

WIDEST = 1200
"""Pixels in a row, at most; a printed page's figure has twice as many."""
ON_SCREEN = 0.48
"""A figure's pixel, 300 to an inch of paper, takes so much of a screen's: half as large again as printed."""
COLOURS = 256


def shown_width(figure: Image.Image) -> int:
    """How wide a figure of 300 dots per inch is to be shown, in a screen's pixels; nothing is decoded."""
    return round(ON_SCREEN * figure.width)


def inline_png(png: bytes) -> tuple[bytes, dict[str, int]]:
    """A PNG of 300 dots per inch made small, and how wide it is to be shown, as IPython's `_repr_png_` gives it."""
    with Image.open(io.BytesIO(png)) as opened:
        image, shown = opened.convert("RGB"), shown_width(opened)
    if image.width > WIDEST:
        image = image.resize((WIDEST, round(image.height * WIDEST / image.width)), Image.Resampling.LANCZOS)
    made = io.BytesIO()
    # median cut would give the few pixels of a colour bar the photograph's colours
    image.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=2).save(made, "PNG", optimize=True)
    return made.getvalue(), {"width": shown}
