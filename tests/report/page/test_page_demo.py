"""The page of the bundled study, run in earnest (three of its networks, smaller crops), as a reader uses it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.chromium import until
from tests.conftest import Command
from tests.report.page.conftest import Open

NETWORKS = ["edsr", "carn", "swinir"]
DEMO = Path(__file__).parents[3] / "configs/demo.yaml"
CUT = {
    "datasets.photographs.crop": 20,
    "datasets.photographs.images": 2,
    "ablation.ratios": "0.1,0.3",
    "similarity.size": 10,
    "similarity.crops": 4,
    "similarity.permutations": 49,
    "similarity.bootstrap": 50,
}


@pytest.fixture
def results(l2xbench: Command, tmp_path: Path) -> Path:
    settings = [part for key, value in CUT.items() for part in ("--set", f"{key}={value}")]
    done = l2xbench("run", DEMO, "--models", ",".join(NETWORKS), *settings, "--out", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    return tmp_path / "demo"


def rows(results: Path, table: str) -> list[dict[str, str]]:
    with (results / "tables" / f"{table}.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_reader_looks_at_the_demo_study(visit: Open, results: Path) -> None:
    """The fixture `visit` checks in the end: no error in the console, no request but for the page itself."""
    page = visit(results / "report.html").page
    assert page.locator(".panel strong").all_inner_texts() == ["bicubic", *NETWORKS]
    first, second = page.locator("#image option").all_inner_texts()

    read_under_the_pointer(page, results, first)
    page.select_option("#image", label=second)
    page.wait_for_selector(f"canvas[aria-label='Attribution map of {second} by edsr']")
    read_under_the_pointer(page, results, second)

    slider = page.locator("#layer")
    slider.fill("1")
    until(page, "[...document.querySelectorAll('.view img[src]')].every(one => one.naturalWidth === 80)")
    assert page.locator(f"img[alt='SR image {second} by swinir']").is_visible()
    slider.fill("2.5")
    assert slider.get_attribute("aria-valuetext") == "map 50 %, HR"

    sort_by_psnr(page, results)
    assert page.locator("#ablation .networks figcaption").all_inner_texts() == NETWORKS
    check_similarity(page, results)
    assert page.locator("#failures").inner_text().endswith("None: every unit of work was done.")


def read_under_the_pointer(page: Any, results: Path, image: str) -> None:
    """Each network's value at one pixel is that of its file, in grey levels a sample."""
    view = page.locator(".panel:nth-child(2) .view")
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    page.mouse.move(box["x"] + 7.5 / 20 * box["width"], box["y"] + 12.5 / 20 * box["height"])
    assert "LR pixel x 7, y 12" in page.locator("#reading").inner_text()
    for place, name in enumerate(NETWORKS, start=2):
        with np.load(results / f"attributions/photographs/{name}/{image}.npz") as file:
            expected = 255 * file["values"].astype(float).sum(axis=0)[12, 7] / (3 * 4**2)
        shown = page.locator(f".panel:nth-child({place}) .value").inner_text().replace("−", "-")
        assert float(shown) == pytest.approx(expected, rel=2e-3, abs=0.01)


def sort_by_psnr(page: Any, results: Path) -> None:
    psnr = {row["model"]: float(row["psnr"]) for row in rows(results, "restoration")}
    table = page.locator("#restoration table").first
    button = table.locator("thead button", has_text="PSNR").first

    def shown() -> list[str]:
        return [text.strip() for text in table.locator("tbody tr > :first-child").all_inner_texts()]

    assert shown() == ["bicubic", *NETWORKS], "the study's order at first"
    orders = []
    for _ in range(2):
        button.click()
        orders.append(shown())
    rising = sorted(psnr, key=lambda name: psnr[name])
    assert sorted(orders) == sorted([rising, rising[::-1]])


def check_similarity(page: Any, results: Path) -> None:
    square = page.locator("#similarity table.square")
    names = square.locator("tbody th").all_inner_texts()
    assert sorted(names) == sorted([*NETWORKS, "difference"]) and names[-1] == "difference"
    (pair,) = [r for r in rows(results, "cka") if {r["model_a"], r["model_b"]} == set(names[:2])]
    cell = square.locator("tbody tr").first.locator("td").nth(1)
    cell.hover()
    assert float(cell.inner_text()) == pytest.approx(float(pair["dcka"]), abs=0.005)
    assert page.locator("#tip").is_visible()
