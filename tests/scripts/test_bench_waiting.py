"""A study is run and profiled with each way to wait."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_row_for_each_way_and_one_line_where_a_study_fails(
    tmp_path: Path,
    write_study: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    script = importlib.import_module("bench_waiting")
    study = write_study(heatmaps=None)
    monkeypatch.setattr(sys, "argv", ["bench_waiting.py", str(study), "--spins", "100", "--repeats", "1"])
    script.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if "│" in line]
    ((looks, seconds, explain, *_, outside),) = ([cell.strip() for cell in row.strip("│ ").split("│")] for row in rows)
    assert looks == "100" and 0 <= float(explain) < float(seconds) and 0 < float(outside) < 100
    monkeypatch.setattr(sys, "argv", ["bench_waiting.py", str(tmp_path / "none.yaml"), "--repeats", "1"])
    with pytest.raises(SystemExit, match="none.yaml: was not run to its end"):
        script.main()
