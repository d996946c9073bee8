"""Figures of a column's width at about their printed size in the docs, where they would fill the page with huge type.

mkdocs calls `on_page_content` for each page (`hooks` in mkdocs.yml).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from PIL import Image

COLUMN = 1003
"""Pixels that a figure of 8.5 cm has in a row, at the 300 dots an inch that figures are saved with."""
SHOWN = 450
"""CSS pixels that it gets: 1.4 times its printed width."""
PICTURE = re.compile(r'<img (?![^>]*\bwidth=)([^>]*?)src="([^":]+\.png)"')


def on_page_content(content: str, page: Any, config: Any, **_: Any) -> str:
    """A page's HTML whose pictures of a column's width say how wide they are shown."""
    folder = (Path(config["docs_dir"]) / page.file.src_uri).parent
    return PICTURE.sub(lambda found: sized(found, folder), content)


def sized(found: re.Match[str], folder: Path) -> str:
    """An image's tag, with a width where its file is a column's figure.

    Args:
        found: a match of `PICTURE`.
        folder: where its path starts.
    """
    path = folder / found[2]
    if not path.is_file():
        return found[0]
    with Image.open(path) as picture:
        column = picture.width == COLUMN
    return found[0] + f' width="{SHOWN}"' if column else found[0]
