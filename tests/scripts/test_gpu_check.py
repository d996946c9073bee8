"""The script that waits for a GPU: what it compares; that it runs was tried with `--device cpu --quick`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from l2xbench.studies.reading import parse_study
from scripts import gpu_check


def results(folder: Path, value: float, seconds: float, psnr: float = 30.0) -> Path:
    maps = folder / "attributions/images/net"
    (folder / "tables").mkdir(parents=True)
    maps.mkdir(parents=True)
    np.savez(maps / "one.npz", values=np.array([1.0, value]))
    pd.DataFrame({"psnr": [psnr], "seconds": [seconds]}).to_csv(folder / "tables/restoration.csv")
    pd.DataFrame({"psnr": [psnr]}).to_csv(folder / "tables/ablation.csv")
    pd.DataFrame({"cka": [0.5]}).to_csv(folder / "tables/cka.csv")
    cost = {"method": ["inference", "l2x"], "seconds": [9.0, seconds], "images": [4, 2]}
    pd.DataFrame(cost).to_csv(folder / "tables/cost.csv")
    return folder


def test_two_runs_are_compared_but_for_what_they_took(tmp_path: Path) -> None:
    one = results(tmp_path / "one", 0.5, 1.0)
    assert gpu_check.same(one, results(tmp_path / "two", 0.5 + 1e-7, 3.0))
    assert not gpu_check.same(one, results(tmp_path / "three", 0.6, 1.0))
    assert not gpu_check.same(one, results(tmp_path / "four", 0.5, 1.0, psnr=31.0))
    assert gpu_check.map_seconds(one) == 2.0


@pytest.mark.parametrize("quick", [False, True])
def test_its_study_is_one(quick: bool, tmp_path: Path) -> None:
    arguments = {"quick": quick, "data_root": None, "images": 2, "device": "cpu"}
    config = parse_study(gpu_check.study(type("Arguments", (), arguments)()), "study")
    assert config.study == "gpu-check"


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_without_a_gpu_it_says_what_would_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["gpu_check"])
    with pytest.raises(SystemExit) as left:
        gpu_check.main()
    assert left.value.code == 2
    assert "--device cpu --quick" in capsys.readouterr().err
