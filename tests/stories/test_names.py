"""Images may be called anything that a file system takes; and a figure that cannot be drawn costs itself alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Command

NAMES = [b"\xcd\xbc\xcf\xf1", "图像".encode(), "😀".encode(), b"a\nb", b"\x1b[31mred", b"100% #1?", b"$x_1$", b"[bold]"]
SHOWN = ["ͼ~CF~F1", "图像", "😀", "a~0Ab", "~1B[31mred", "100% #1?", "$x_1$", "[bold]"]


def test_any_name(tmp_path: Path, photographs: Path, write_study: Callable[..., Path], l2xbench: Command) -> None:
    image = photographs / "photo0.png"
    for name in NAMES:
        os.link(image, photographs / os.fsdecode(name + b".png"))
    for path in photographs.glob("photo*"):
        path.unlink()
    study = write_study(heatmaps={}, datasets={"photographs": {"path": str(photographs), "crop": 8}})
    out = tmp_path / "out"
    # a terminal that is not UTF-8, too
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "l2xbench", "run", study, "--out", out, "--workers", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    page = (out / "report.html").read_text(encoding="utf-8")
    for shown in SHOWN:
        assert (out / "sr/photographs/tiny" / f"{shown}.png").is_file()
        assert any(shown in path.name for path in (out / "figures").iterdir())
    assert "ͼ~CF~F1" in page
    image = photographs / os.fsdecode(NAMES[0] + b".png")
    explained = l2xbench("explain", image, "--models", "edsr-compact", "--out", out)
    assert explained.returncode == 0, explained.stderr
    assert (out / "heatmap-ͼ~CF~F1.png").is_file()


def test_a_folder_whose_name_is_no_text(
    tmp_path: Path, photographs: Path, write_study: Callable[..., Path], l2xbench: Command
) -> None:
    out = tmp_path / os.fsdecode(b"\xcd\xbc")
    study = write_study(attribution=None)
    done = l2xbench("run", study, "--out", out, "--workers", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "report.html").is_file()


@pytest.mark.parametrize("broken", ["prepare", "draw", "list"])
def test_a_figure_that_cannot_be_drawn_costs_itself_alone(
    tmp_path: Path, write_study: Callable[..., Path], l2xbench: Command, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    from l2xbench.studies.attribution import heatmaps

    original = heatmaps.owed_heatmaps

    def fail(*arguments: object, **options: object) -> None:
        raise KeyError("no such colour")

    def owed(images: object) -> object:
        if broken == "list":
            fail()
        for number, figure in enumerate(original(images)):
            if number == 1:
                object.__setattr__(figure, "prepare", fail if broken == "prepare" else lambda: fail)
            yield figure

    monkeypatch.setattr(heatmaps, "owed_heatmaps", owed)
    out = tmp_path / "out"
    done = l2xbench("run", write_study(heatmaps={}), "--out", out, "--workers", 1)
    assert done.returncode == 1, done.stdout + done.stderr
    failures = pd.read_csv(out / "tables/failures.csv")
    assert failures["study"].tolist() == ["figures"]
    assert "no such colour" in failures["reason"][0]
    assert "no such colour" in (out / "report.html").read_text(encoding="utf-8")
    drawn = sorted(path.name for path in (out / "figures").glob("heatmap-*.png"))
    assert len(drawn) == (0 if broken == "list" else 2)
