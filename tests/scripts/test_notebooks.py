"""The docs' notebooks: stored small, of one run, and running from top to bottom."""

from __future__ import annotations

import base64
import importlib
import io
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PATHS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))


@pytest.fixture
def notebooks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("notebooks")


def test_each_stands_in_the_site(notebooks: ModuleType) -> None:
    assert sorted(notebooks.notebooks()) == PATHS
    listed = re.findall(r"notebooks/([\w-]+)\.md", (ROOT / "mkdocs.yml").read_text())
    assert tuple(listed) == notebooks.ORDER


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_what_is_stored_is_small_and_of_one_run(path: Path, notebooks: ModuleType) -> None:
    assert path.stat().st_size <= notebooks.LARGEST
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs), "no picture"
    assert [each for each in outputs if each.output_type == "error" or each.get("name") == "stderr"] == []
    # places on the machine that it ran on
    said = json.dumps([cell.source for cell in notebook.cells] + [without_pictures(each) for each in outputs])
    assert re.findall(r"/(?:tmp|home|root|Users|work|usr)/[\w./-]*", said) == []


def without_pictures(output: Any) -> dict[str, Any]:
    """An output as text alone."""
    data = {kind: shown for kind, shown in output.get("data", {}).items() if kind != "image/png"}
    return {**output, "data": {kind: re.sub(r"base64,[^\"]*", "", str(shown)) for kind, shown in data.items()}}


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path: Path, notebooks: ModuleType, tmp_path: Path) -> None:
    """It shows the same kinds of things as it was stored with."""
    found = notebooks.executed(path, tmp_path)
    kept = nbformat.read(path, as_version=4)
    assert [kinds(cell) for cell in found.cells] == [kinds(cell) for cell in kept.cells]


def kinds(cell: Any) -> list[set[str]]:
    """What a cell shows: of each output the forms that it has."""
    return [set(output.get("data", {output.output_type: ""})) for output in cell.get("outputs", [])]


def test_a_page_has_the_notebooks_text_code_and_pictures(notebooks: ModuleType) -> None:
    text, pictures = notebooks.page(ROOT / "docs/notebooks/lam.ipynb")
    assert text.startswith("# The LAM figure for two networks\n") and "[Download the notebook](lam.ipynb)" in text
    assert "```python\nimport l2xbench" in text
    assert pictures and all(name in text and content[:4] == b"\x89PNG" for name, content in pictures.items())
    assert re.search(r'<img src="lam_3_0.png" alt="" width="\d+">', text), "as wide as the notebook shows it"


def test_a_stored_picture_is_never_larger_than_it_came(notebooks: ModuleType) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 1600, 3), dtype=np.uint8)
    for image in (Image.fromarray(noise), Image.new("RGB", (4, 4), "red")):
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        given = base64.b64encode(buffer.getvalue()).decode()
        made = notebooks.small(given)
        assert len(made) <= len(given)
        with Image.open(io.BytesIO(base64.b64decode(made))) as small:
            assert small.width <= max(notebooks.WIDEST, 4)
