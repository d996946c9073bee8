"""The figures that the community knows, from published checkpoints on published test sets, through `l2xbench run`."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from l2xbench import cli

EXPECTED = {
    ("set5", "bicubic"): (28.432, 0.8113),
    ("set14", "bicubic"): (26.093, 0.7049),
    ("set5", "carn-m"): (31.885, 0.8910),
    ("set14", "carn-m"): (28.422, 0.7772),
    ("set5", "dctlsa"): (32.530, 0.8991),
}


def run(study: dict, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "study.yaml").write_text(yaml.safe_dump({"study": "real", "device": "cpu", **study}))
    arguments = ["run", str(folder / "study.yaml"), "--out", str(folder / "out")]
    monkeypatch.setattr(sys, "argv", ["l2xbench", *arguments])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    assert exited.value.code == 0


@pytest.mark.slow
def test_restoration_of_published_networks(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carn_m = {"card": "carn-m", "weights": str(shared / "checkpoints/carn_m_multiscale.pth")}
    dctlsa = str(shared / "checkpoints/dctlsa_x4.pt")
    sets = {name.lower(): str(shared / "data" / name) for name in ("Set5", "Set14")}
    both, one = tmp_path / "both", tmp_path / "one"
    for folder, models, datasets in [
        (both, {"carn-m": carn_m}, sets),
        (one, {"dctlsa": dctlsa}, {"set5": sets["set5"]}),
    ]:
        folder.mkdir()
        run({"models": models, "datasets": datasets, "attribution": None}, folder, monkeypatch)
    tables = [pd.read_csv(folder / "out/tables/restoration.csv") for folder in (both, one)]
    table = pd.concat(tables).drop_duplicates(["dataset", "model"]).set_index(["dataset", "model"])
    for row, (psnr, ssim) in EXPECTED.items():
        assert table.loc[row, "psnr"] == pytest.approx(psnr, abs=0.01), row
        assert table.loc[row, "ssim"] == pytest.approx(ssim, abs=0.0005), row
    assert table.loc["set14", "images"].tolist() == [14, 14]


@pytest.mark.slow
def test_maps_of_set5_are_complete(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carn_m = {"card": "carn-m", "weights": str(shared / "checkpoints/carn_m_multiscale.pth")}
    models = {"carn-m": carn_m, "edsr": "edsr-compact"}
    run({"models": models, "datasets": {"set5": str(shared / "data/Set5")}}, tmp_path, monkeypatch)
    cost = pd.read_csv(tmp_path / "out/tables/cost.csv")
    maps = cost[cost["method"] == "l2x"].set_index("model")
    assert list(maps.index) == ["carn-m", "edsr"]
    assert set(maps["images"]) == {5}
    assert (maps["completeness_error"] < 1e-5).all(), "the largest over the images, in float32"
    restored = pd.read_csv(tmp_path / "out/tables/restoration.csv").set_index("model")["psnr"]
    assert restored["edsr"] > restored["bicubic"] + 1.5
