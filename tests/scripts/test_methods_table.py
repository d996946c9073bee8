"""The docs' tables of methods, from tables whose figures are known."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pandas as pd
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
GAPS = {"l2x": 2.0, "lam": 2.125, "difference": -0.25}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    for metric, share in (("psnr", 1.0), ("ssim", 0.01)):
        rows = [
            {
                "dataset": "d", "model": model, "method": method, "granularity": "pixel", "order": "descending",
                "unmasked": 27.0 * share, "5%": level * share, "10%": 15.0 * share,
                "gap": gap * share, "gap_low": gap * share - 0.5, "gap_high": gap * share + 0.5,
            }
            for model in ("edsr", "san")
            for method, gap, level in (
                *((name, gap, 18.0 if model == "edsr" else 21.0) for name, gap in GAPS.items()),
                ("random", float("nan"), 20.0),
            )
        ]  # fmt: skip
        pd.DataFrame(rows).to_csv(tmp_path / f"tables/ablation_{metric}.csv", index=False)
    return tmp_path


def test_gaps_and_every_exception(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "argv", ["methods_table.py", str(results), str(results)])
    importlib.import_module("methods_table").main()
    said = capsys.readouterr().out
    assert "| edsr | 27.00 | 2.00 (1.50 to 2.50) | 2.12 | −0.25 | 0.020 | 0.021 | −0.003 |" in said
    assert [line for line in said.splitlines() if line.startswith("- ")] == [
        "- PSNR: l2x is not below random order at 10% on edsr.",
        "- PSNR: l2x is not below random order at 5%, 10% on san.",
        "- PSNR: lam leads l2x by 0.125 dB on all 2.",
        "- SSIM: l2x is not below random order at 10% on edsr.",
        "- SSIM: l2x is not below random order at 5%, 10% on san.",
        "- SSIM: lam leads l2x by 0.001 on all 2.",
    ]
    assert "Sensitivity-n" not in said


def test_sensitivity_and_layers_drawn_anew(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.DataFrame(
        {
            "dataset": "d",
            "model": ["edsr"] * 6,
            "method": ["l2x"] * 3 + ["lam"] * 3,
            "share": [0.25, 0.5, 1.0] * 2,
            "correlation": [0.5, 0.75, 1 - 2e-7, -0.5, 0.25, 0.375],
        }
    ).to_csv(results / "tables/sensitivity.csv", index=False)
    pd.DataFrame(
        {"dataset": "d", "model": "edsr", "method": "l2x", "layers": [0.5, 1.0], "spearman": [0.75, -0.25]}
    ).to_csv(results / "tables/randomisation.csv", index=False)
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "argv", ["methods_table.py", str(results)])
    importlib.import_module("methods_table").main()
    said = capsys.readouterr().out
    assert "| edsr | 0.625 | −0.125 |\n| mean | 0.625 | −0.125 |" in said
    assert "Of the whole map: l2x 1 within 2e-07, lam 0.38 to 0.38." in said
    assert "| network | l2x, 50 % | l2x, 100 % |\n| --- | ---: | ---: |\n| edsr | 0.75 | −0.25 |" in said


def test_an_unfinished_study_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "argv", ["methods_table.py", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module("methods_table").main()
    assert ended.value.code == 2
    assert f"{tmp_path} has no tables/ablation_psnr.csv" in capsys.readouterr().err
