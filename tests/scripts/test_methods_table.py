"""The README's tables of methods, from tables whose figures are known."""

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
    in_psnr, in_ssim = said.split("exceptions, PSNR")[1].split("exceptions, SSIM")
    assert in_psnr.split("\n") == [
        "", "", "edsr: l2x is not below random order at 10%", "edsr: lam leads l2x by 0.125 dB",
        "san: l2x is not below random order at 5%, 10%", "san: lam leads l2x by 0.125 dB", "", "",
    ]  # fmt: skip
    assert "edsr: lam leads l2x by 0.001\n" in in_ssim


def test_an_unfinished_study_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "argv", ["methods_table.py", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module("methods_table").main()
    assert ended.value.code == 2
    assert f"{tmp_path} has no tables/ablation_psnr.csv" in capsys.readouterr().err
