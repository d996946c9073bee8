"""Results say which of a checkpoint's several weights were taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from l2xbench.zoo.archs.carn import CARN
from tests.conftest import Command
from tests.stories.test_survival import TINY


def test_tables_manifest_and_page_say_which(
    tmp_path: Path, write_study: Callable[..., Path], l2xbench: Command
) -> None:
    torch.manual_seed(0)
    raw = CARN(n_feats=4, n_blocks=1, scale=4).state_dict()
    averaged = {key: value * 0.9 if value.is_floating_point() else value for key, value in raw.items()}
    torch.save({"params": raw, "params_ema": averaged}, tmp_path / "both.pth")
    torch.save({"params": raw}, tmp_path / "one.pth")
    entry = {"provider": "l2xbench", "arch": TINY["arch"], "scale": 4}
    models = {
        "by_itself": {**entry, "weights": "./both.pth"},
        "as_asked": {**entry, "weights": {"file": "./both.pth"}, "weights_key": "params"},
        "alone": {**entry, "weights": "./one.pth"},
    }
    photographs = {"path": "./photographs", "images": 1, "crop": 8}
    study = write_study(models=models, datasets={"photographs": photographs}, attribution=None, heatmaps=None)
    out = tmp_path / "out"
    expected = {"by_itself": "both.pth (params_ema)", "as_asked": "both.pth (params)", "alone": "one.pth"}
    for computed in ("3 units computed", "0 units computed"):  # what is found done says it too
        done = l2xbench("run", study, "--out", out, "--workers", 1)
        assert done.returncode == 0, done.stderr
        assert computed in done.stdout or computed.startswith("3")
        table = pd.read_csv(out / "tables/restoration.csv").set_index("model")
        assert {name: table["weights"][name] for name in expected} == expected
        manifest = json.loads((out / "manifest.json").read_text())["models"]
        assert {name: manifest[name]["weights"] for name in expected} == expected
        assert [manifest[name]["weights_key"] for name in expected] == ["params_ema", "params", None]
        page = (out / "report.html").read_text()
        assert all(words in page for words in expected.values())
    assert table["psnr"]["as_asked"] == table["psnr"]["alone"] != table["psnr"]["by_itself"]
