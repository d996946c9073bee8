"""The docs' site: built without a warning, asks nothing of another machine, and is searched from disk."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import Watched

ROOT = Path(__file__).parents[2]
LOADS = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"?(https?://[^\s\"'>]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    quiet = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_no_page_loads_anything_from_another_machine(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    assert len(pages) > 40
    assert {page.name: found for page in pages if (found := LOADS.findall(page.read_text()))} == {}


@pytest.mark.slow
def test_it_is_searched_from_disk(site: Path, browser_page: Watched) -> None:
    page = browser_page.page
    page.goto((site / "how-to/lam.html").as_uri())
    field, found = page.locator(".md-search__input"), page.locator(".md-search-result__item")
    for _ in range(30):  # what is typed before the page listens is lost
        field.click()
        field.fill("")
        field.press_sequentially("diffusion index", delay=20)
        page.wait_for_timeout(500)
        if found.count():
            break
    assert "Tables, column by column" in page.locator(".md-search-result__list").inner_text()
    assert browser_page.outside == []
