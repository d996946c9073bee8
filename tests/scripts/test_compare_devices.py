"""Two devices are compared by the code of a study; one off by too much ends with exit code 1."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def script(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    options = ["--models", "san-compact", "--images", "1", "--crop", "16", "--device", "plain"]
    monkeypatch.setattr(sys, "argv", ["compare_devices.py", str(photographs), *options])
    return importlib.import_module("compare_devices")


def test_other_kernels_give_the_same_numbers(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    script.main()
    about, head, row = capsys.readouterr().out.splitlines()
    assert about.startswith("plain against") and head.split()[0] == "network"
    name, psnr, maps, rounding, *_ = row.split()
    assert name == "san-compact"
    assert 0 <= float(psnr) < 1e-3
    assert 0 <= float(maps) < 1e-3 and 0 < float(rounding) < 1e-3


def test_what_is_too_far_off_is_named(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "MAP_WITHIN", 1e-12)
    with pytest.raises(SystemExit, match=r"off by more than .* of a map: san-compact"):
        script.main()
