"""The table of quicker passes is printed for real networks."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from l2xbench.studies.shared import passes


def test_each_kind_is_timed_or_said_not_to_be_taken(
    photographs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    script = importlib.import_module("bench_passes")

    def broken(module: object, **options: object) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(passes.torch, "compile", broken)
    options = ["--models", "edsr-compact", "--kinds", "inference_mode,compile", "--crop", "10", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", ["bench_passes.py", str(photographs), "--threads", "1", *options])
    script.main()
    head, row, told = capsys.readouterr().out.splitlines()
    assert head.split() == ["network", "plain,", "s", "inference_mode", "compile"]
    name, plain, gain, *compiled = row.split()
    assert name == "edsr-compact" and float(plain) > 0 and float(gain) > 0
    assert compiled == ["not", "taken"] and told == "    compile: plain: RuntimeError: no compiler"
