"""Sentences say what their table carries, and nothing where it carries nothing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from l2xbench.report.findings import write_findings
from l2xbench.run.results import read_runs
from l2xbench.store.store import Store
from l2xbench.studies.ablation.findings import below_random
from l2xbench.studies.restoration.findings import highest_psnr
from tests.report.results import make_results


def restored(*rows: tuple[str, float | None, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["model", "psnr", "images"])
    return frame.assign(dataset="Set5").astype({"psnr": float})


def test_the_highest_mean_psnr_is_among_networks_with_all_images() -> None:
    frame = restored(("bicubic", 40.0, 5), ("edsr", 30.0, 5), ("rcan", 31.0, 5), ("han", 35.0, 4))
    (sentence,) = highest_psnr(frame, ["edsr", "rcan", "han"])
    assert sentence == "On Set5 (5 images) rcan has the highest mean PSNR, 31.00 dB; edsr is next with 30.00 dB."
    assert highest_psnr(frame, ["edsr"]) == [], "one network leads nobody"
    assert highest_psnr(restored(("edsr", None, 5), ("rcan", None, 5)), ["edsr", "rcan"]) == [], "no HR images"


def test_an_order_is_below_random_only_beyond_its_interval() -> None:
    rows = [
        ("a", "l2x", 0.4),
        ("b", "l2x", -0.1),
        ("a", "lam", None),
        ("a", "random", None),
    ]
    frame = pd.DataFrame(rows, columns=["model", "method", "gap_low"]).astype({"gap_low": float})
    frame = frame.assign(dataset="Set5", granularity="pixel", order="descending")
    (sentence,) = below_random(frame)
    assert sentence == (
        "On Set5 masking pixels in descending order of l2x lowers PSNR more than random order on 1 of 2 networks "
        "(95 % interval of the gap above 0)."
    )


def test_each_study_speaks_of_the_newest_run_that_has_its_tables(tmp_path: Path) -> None:
    make_results(tmp_path)
    make_results(tmp_path, only="ablation", finished="2026-01-03T00:00:00+00:00", ablation={"ratios": [0.3]})
    sentences = write_findings(read_runs(Store(tmp_path)))
    assert ["highest mean PSNR" in sentences[0], "lowers PSNR" in sentences[1]] == [True, True]
    assert (tmp_path / "tables/findings.md").read_text().startswith("- On Set5 (3 images) ")
    assert write_findings(read_runs(Store(make_results(tmp_path / "one", models=["edsr"])))) == []
    assert not (tmp_path / "one/tables/findings.md").exists()
