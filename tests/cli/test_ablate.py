"""`l2xbench ablate` as a user runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Command


@pytest.mark.slow
def test_it_uses_what_run_has_made_and_run_uses_what_it_made(
    l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path]
) -> None:
    out = tmp_path / "out"
    study = write_study(heatmaps={}, ablation={"ratios": "0.1:0.3:0.1", "random_orders": 2})
    first = l2xbench("ablate", study, "--out", out)
    assert first.returncode == 0, first.stderr
    # 3 images: read, restored, 2 maps (l2x and the control), 3 orders
    assert "21 units computed" in first.stdout
    table = pd.read_csv(out / "tables/ablation.csv")
    columns = ["dataset", "model", "method", "granularity", "order", "ratio", "psnr", "ssim", "images"]
    assert list(table.columns[:9]) == columns
    assert list(table["method"].unique()) == ["l2x", "difference", "random"]
    assert table["ratio"].unique().tolist() == [0.1, 0.2, 0.3]
    assert set(table["images"]) == {3}
    assert not (out / "tables/restoration.csv").exists(), "only the ablation is shown"
    assert not list(out.glob("figures/heatmap*"))

    again = l2xbench("ablate", study, "--out", out)
    assert "0 units computed, 21 found done" in again.stdout
    whole = l2xbench("run", study, "--out", out)
    assert "3 units computed, 21 found done" in whole.stdout, "only bicubic was left"
    assert (out / "tables/restoration.csv").is_file()
    assert len(list(out.glob("figures/heatmap*.png"))) == 3, "controls are ablated, not drawn"

    fewer = l2xbench("ablate", study, "--out", out, "--ratios", "0.1,0.2")
    assert "9 units computed, 12 found done" in fewer.stdout, "maps do not depend on the ratios"
    other = l2xbench("ablate", study, "--out", out, "--ratios", "0.1,0.2", "--set", "attribution.reference=mean")
    assert "12 units computed, 9 found done" in other.stdout, "maps and what starts from them; not random order"


def test_a_map_that_failed_fails_what_needs_it(
    l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no map today")

    monkeypatch.setattr("l2xbench.studies.shared.inference.explain", broken)
    done = l2xbench("ablate", write_study(), "--out", tmp_path / "out")
    assert done.returncode == 1
    failures = pd.read_csv(tmp_path / "out/tables/failures.csv")
    reasons = failures[failures["study"] == "ablation"]["reason"]
    assert len(reasons) == 6
    assert reasons.str.fullmatch(r"needs attribution \w+ tiny photographs photo\d, which failed").all()
    assert set(pd.read_csv(tmp_path / "out/tables/ablation.csv")["method"]) == {"random"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--ratios", "0.4:0.05"], ["ablation.ratios", "a:b:step"]),
        (["--ratios", "5,10"], ["ablation.ratios", "below 1"]),
        (["--methods", "l3x"], ["ablation.methods", "l3x", "l2x"]),
        (["--set", "ablation.order=[falling]"], ["ablation.order", "falling", "descending"]),
        (["--set", "attribution=null"], ["ablation", "attribution: null"]),
    ],
)
def test_wrong_requests(
    l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path], arguments: list[str], expected: list[str]
) -> None:
    done = l2xbench("ablate", write_study(), "--out", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    for part in expected:
        assert part in done.stderr
