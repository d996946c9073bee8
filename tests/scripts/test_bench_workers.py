"""A study is run in each way, and compared with the rule's."""

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
    script = importlib.import_module("bench_workers")
    study = write_study(attribution=None)
    arguments = ["bench_workers.py", str(study), "--repeats", "1", "--only", "1 worker of 1 thread"]
    monkeypatch.setattr(sys, "argv", arguments)
    script.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if "│" in line]
    rows = [[cell.strip() for cell in line.strip("│ ").split("│")] for line in lines]
    assert [row[0] for row in rows] == ["by rule", "1 worker of 1 thread"]
    assert all(float(row[1]) > 0 and float(row[3]) > 0 for row in rows)
    assert rows[0][2] == rows[0][4] == "1.00"
    monkeypatch.setattr(sys, "argv", [*arguments[:1], str(tmp_path / "none.yaml"), *arguments[2:]])
    with pytest.raises(SystemExit, match="none.yaml: was not run to its end"):
        script.main()
