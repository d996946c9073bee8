"""The docs as a site: what a reader sees of them in a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
TOO_WIDE = """
() => [...document.querySelectorAll('.md-typeset__scrollwrap, .md-content pre > code, .md-content math')]
    .filter(each => getComputedStyle(each).display != 'inline' && each.scrollWidth > each.clientWidth + 1)
    .map(each => each.textContent.trim().slice(0, 60))
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it."""
    pytest.importorskip("mkdocs", reason="needs mkdocs: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("site")
    silent = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true", "PYTHONPATH": str(ROOT)}
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | silent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


def pages(site: Path) -> Iterator[Path]:
    yield from (path for path in site.rglob("*.html") if path.name != "404.html")


def test_examples_are_code_and_no_quotations(site: Path) -> None:
    quoted = [
        page.name
        for page in pages(site)
        for quotation in re.findall(r"<blockquote>.*?</blockquote>", page.read_text(), re.DOTALL)
        if "&gt;&gt;" in quotation or ">>>" in quotation
    ]
    assert quoted == []
    assert (site / "reference/python.html").read_text().count('<span class="gp">&gt;&gt;&gt; </span>') > 100


def test_what_a_function_returns_is_one_row(site: Path) -> None:
    text = (site / "reference/python.html").read_text()
    returned = re.findall(r"Returns:</span></p>\s*<table>.*?<tbody>(.*?)</tbody>", text, re.DOTALL)
    assert len(returned) > 10
    assert [rows for rows in returned if rows.count("<tr") != 1] == []


def test_on_a_laptop_every_table_and_line_of_code_is_whole(site: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    wide = {}
    for path in pages(site):
        page.goto(path.as_uri())
        if found := page.evaluate(TOO_WIDE):
            wide[str(path.relative_to(site))] = found
    page.close()
    assert wide == {}
