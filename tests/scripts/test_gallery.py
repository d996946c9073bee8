"""The docs' gallery."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from tests.report.page.conftest import make_page
from tests.report.results import make_results

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`scripts/gallery.py` as a module, importing its neighbours as it does when it is run."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("gallery")


def test_small_pictures_and_the_lines_that_show_them(
    gallery: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_results(tmp_path / "results")
    make_page(root)
    figures = root / "figures"
    figures.mkdir()
    for name, width in (("heatmap-Set5-baby", 2000), ("cka-Set5", 1000)):
        Image.effect_noise((width, 1000), 90).convert("RGB").save(figures / f"{name}.png")
    monkeypatch.setattr(gallery, "photograph", lambda page, out: False)
    readme = tmp_path / "README.md"
    readme.write_text(f"# name\n\n{gallery.START}\nold\n{gallery.END}\n\nmore\n")
    arguments = [str(root), "--out", str(tmp_path / "docs/gallery"), "--page", str(readme)]
    assert gallery.main(arguments) == 0
    pictures = sorted((tmp_path / "docs/gallery").iterdir())
    assert [path.name for path in pictures] == ["cka.png", "heatmap.png"]
    with Image.open(pictures[0]) as image:
        assert image.size == (1000, 1000) and image.mode == "P"
    with Image.open(pictures[1]) as image:
        assert image.size == (1200, 600)
    text = readme.read_text()
    assert text.startswith("# name\n\n<!-- gallery") and text.endswith("<!-- end of the gallery -->\n\nmore\n")
    assert "old" not in text and "](docs/gallery/heatmap.png)" in text and "2 networks" in text
    assert '<img src="docs/gallery/cka.png" alt="How alike' in text and 'width="480">' in text, "as wide as a column"
    assert gallery.main(arguments) == 0 and readme.read_text() == text, "the same lines again"


def test_what_is_no_results_folder_or_no_place_is_told(
    gallery: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gallery.main([str(tmp_path)]) == 2
    assert "no results folder" in capsys.readouterr().err


def test_the_page_has_the_place(gallery: ModuleType) -> None:
    text = (gallery.ROOT / "docs/start/demo.md").read_text()
    assert text.count(gallery.START) == 1 and text.index(gallery.START) < text.index(gallery.END)
