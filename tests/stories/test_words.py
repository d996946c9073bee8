"""At scale 1 nothing is of low or high resolution: tables, findings and page say input, output and target."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from l2xbench.report.page import write_page
from l2xbench.report.tables import study_tables
from l2xbench.run.results import read_runs
from l2xbench.store.store import Store
from l2xbench.studies.registry import all_studies
from tests.report.page.conftest import Silent
from tests.report.results import EVERYTHING, make_results

METHODS = ["l2x", "gradient"]
PATCHES: dict[str, Any] = {"places": {"count": 1}, "size": 4, "methods": METHODS}
ALL: dict[str, Any] = {
    **EVERYTHING,
    "attribution": {"methods": METHODS, "target": "patch:4,4,4,4"},
    "similarity": EVERYTHING["similarity"] | {"layers": "blocks"},
    "steadiness": {"perturbations": 2},
    "context": {**PATCHES, "hidden": [4, 8]},
    "reach": PATCHES,
    "erf": {"size": 12},
    "flow": {"size": 12},
    "lam": {"cases": [{"image": "baby", "window": "2,2,8"}]},
    "referee": {"size": 8, "block": 2, "methods": METHODS},
}
ENLARGING = re.compile(r"\b(?:LR|SR|HR|super-resolve)\b")
SPEAK_OF_IMAGES = {
    *("ablation", "cka", "cka_layers", "context", "context_mean", "cost", "diffusion", "erf", "flow", "lam"),
    *("lam_mean", "randomisation", "reach", "reach_intervals", "referee", "referee_interventions", "restoration"),
    *("table1", "context findings", "erf findings", "reach findings", "referee findings"),
    *("reach summary", "erf summary", "page"),
}
"""What names images, pixels or what becomes of them, at any scale."""


class Shown(HTMLParser):
    """What a page shows or reads aloud: its text, and attributes that are such."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._unseen = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen = tag in ("script", "style")
        self.pieces += [value for name, value in attrs if name in ("alt", "title", "aria-label") and value]

    def handle_endtag(self, tag: str) -> None:
        self._unseen = False

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(data)


def told(root: Path) -> dict[str, str]:
    """Everything that a results folder tells in words: the name of a table, or of what else says it -> its text."""
    runs = read_runs(Store(root))
    found = {}
    for study in all_studies():
        tables = runs[0].once(study_tables).get(study.name, {})
        found |= {name: table.texts()["md"] for name, table in tables.items()}
        if tables:
            findings = study.findings(runs[0], tables)
            found[f"{study.name} findings"] = " ".join(finding.sentence for finding in findings)
            summary = study.summary(runs[0], tables)
            found[f"{study.name} summary"] = "" if summary is None else summary.title
    page = write_page(runs, Silent()).path.read_text(encoding="utf-8")
    return found | {"page": " ".join(Shown(page).pieces)}


@pytest.mark.parametrize("scale", [1, 4])
def test_every_study_calls_images_by_what_they_are_at_the_scale(scale: int, tmp_path: Path) -> None:
    texts = told(make_results(tmp_path, scale=scale, **ALL))
    assert texts.keys() >= SPEAK_OF_IMAGES
    enlarging = {where: ENLARGING.findall(text) for where, text in texts.items() if ENLARGING.search(text)}
    if scale == 1:
        assert enlarging == {}
    else:
        assert enlarging.keys() >= SPEAK_OF_IMAGES
