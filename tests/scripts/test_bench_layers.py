"""The cost of layers is measured on whatever networks are named."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


def test_a_row_a_network(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    script = importlib.import_module("bench_layers")
    monkeypatch.setattr("sys.argv", ["bench_layers.py", "--networks", "carn-compact", "--repeats", "1", "--size", "8"])
    script.main()
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "carn-compact" in line]
    _, _, count, alone, inside, ratio, *_ = (cell.strip() for cell in row.replace("│", "|").split("|"))
    assert count == "4" and float(alone) > 0 and float(inside) > 0 and float(ratio) > 0
