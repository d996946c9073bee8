"""Every restoration architecture of spandrel, tiny and with random weights, through the commands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from l2xbench.data.images import read_image
from l2xbench.data.pairs import pixels_of
from l2xbench.explore.workbench import Workbench
from l2xbench.studies.shared.maps import MapRequest
from tests.conftest import Command
from tests.stories.test_restoration_networks import TINY, entry, needs_extra, network

QUICK = ["NAFNet", "DnCNN", "Restormer"]
BLOCKS: dict[str, Any] = {
    "scale": 1,
    "degrade": {"noise": 25},
    "heatmaps": None,
    "similarity": {"size": 8, "crops": 2, "permutations": 9, "bootstrap": 9},
}


def each(kinds: list[str]) -> list[Any]:
    """As parameters; those of a package that is not installed are skipped."""
    return [pytest.param(kind, marks=needs_extra(kind)) for kind in kinds]


def through_the_commands(
    kinds: list[str], photographs: Path, tmp_path: Path, write_study: Callable[..., Path], l2xbench: Command
) -> None:
    models = {kind: entry(kind) for kind in kinds}
    dataset = {"path": str(photographs), "images": 2, "crop": 16}
    study = write_study(**BLOCKS, models=models, datasets={"photographs": dataset})
    out = tmp_path / "out"
    done = l2xbench("run", study, "--out", out, "--workers", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(pd.read_csv(out / "tables/restoration.csv")["model"]) == {"input", *kinds}
    cost = pd.read_csv(out / "tables/cost.csv")
    errors = cost[cost["method"] == "l2x"].set_index("model")["completeness_error"]
    assert set(errors.index) == set(kinds) and float(errors.max()) < 1e-4
    assert l2xbench("cka", study, "--out", out, "--workers", 1).returncode == 0
    assert not pd.read_csv(out / "tables/cka.csv").empty
    cards = []
    for kind in kinds:
        torch.save(network(kind).core.state_dict(), tmp_path / f"{kind}.pth")
        cards.append(tmp_path / f"{kind}.yaml")
        cards[-1].write_text(yaml.safe_dump({**entry(kind), "weights": {"file": f"./{kind}.pth"}}))
        checked = l2xbench("check", cards[-1], "--size", 20, "--outputs", 1)
        assert checked.returncode == 0 and "explained exactly" in checked.stdout, checked
    explained = l2xbench(
        *("explain", photographs / "photo0.png", "--models", ",".join(map(str, cards)), "--verify"),
        *("--target", "patch:10,10,4,4", "--out", tmp_path / "maps"),
    )
    assert explained.returncode == 0, explained
    assert sorted(path.stem for path in (tmp_path / "maps").glob("*.npz")) == sorted(kinds)
    pair = pixels_of("photo0", read_image(photographs / "photo0.png")[:20, :20])
    with closing(Workbench({kind: network(kind) for kind in kinds})) as bench:  # what a click in the explorer asks for
        for kind in kinds:
            assert bench.super_resolve(kind, pair).image.shape == (20, 20, 3)
            found = bench.explain(kind, pair, MapRequest("patch:8,8,8,8", "blur", "l2x")).found
            assert found.completeness_error is not None and found.completeness_error < 1e-4


def test_some(photographs: Path, tmp_path: Path, write_study: Callable[..., Path], l2xbench: Command) -> None:
    kinds = [kind for kind in QUICK if not needs_extra(kind).args[0]]
    through_the_commands(kinds, photographs, tmp_path, write_study, l2xbench)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", each([kind for kind in TINY if kind not in QUICK]))
def test_the_others(
    kind: str, photographs: Path, tmp_path: Path, write_study: Callable[..., Path], l2xbench: Command
) -> None:
    through_the_commands(["NAFNet", kind], photographs, tmp_path, write_study, l2xbench)
