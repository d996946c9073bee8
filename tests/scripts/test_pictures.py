"""Figures of a column are shown at about their printed size, all others as wide as the page."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from PIL import Image

from scripts.pictures import COLUMN, SHOWN, on_page_content


def test_only_figures_of_a_columns_width_are_made_smaller(tmp_path: Path) -> None:
    (tmp_path / "how-to/images").mkdir(parents=True)
    for name, width in (("images/column.png", COLUMN), ("../wide.png", 2066)):
        Image.new("L", (width, 4)).save(tmp_path / "how-to" / name)
    page = SimpleNamespace(file=SimpleNamespace(src_uri="how-to/context.md"))
    content = (
        '<img alt="a" src="images/column.png" /><img src="../wide.png"><img src="images/absent.png">'
        '<img src="images/column.png" width="480"><img src="https://example.org/a.png">'
    )
    made = on_page_content(content, page, {"docs_dir": str(tmp_path)})
    assert made == content.replace('column.png" />', f'column.png" width="{SHOWN}" />')
