"""One network that cannot be built fails alone, and is told at once; the others' tables are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.conftest import Command
from tests.stories.test_survival import TINY

WRITTEN = """
import torch
class Picky(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        if width > 1:
            raise ValueError("width must be 1")
class Leaves(torch.nn.Module):
    def __init__(self):
        raise SystemExit("I parse arguments")
class Double(torch.nn.Module):
    scale = 2
"""


@pytest.fixture
def bad(tmp_path: Path) -> dict[str, tuple[dict[str, object], str]]:
    """Network -> its entry in a study, and what is said of it."""
    (tmp_path / "nets.py").write_text(WRITTEN)
    (tmp_path / "raises.py").write_text("raise RuntimeError('no such luck')\n")
    (tmp_path / "text.py").write_text("not Python at all\n")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "other.pth").read_bytes()[:99])
    module = {"provider": "module", "weights": "random", "scale": 4}
    return {
        "missing": ({**TINY, "scale": 4, "weights": "./none.pth"}, "no such checkpoint file"),
        "card": ({"card": "./none.yaml"}, "none.yaml"),
        "other": ({**TINY, "scale": 4, "weights": "./other.pth"}, "does not fit"),
        "cut": ({**TINY, "scale": 4, "weights": "./cut.pth"}, "cut.pth"),
        "unknown": ({"card": "./other.pth"}, "spandrel"),
        "refused": ({**module, "module": "./nets.py:Picky", "arch": {"width": 3}}, "width must be 1"),
        "leaves": ({**module, "module": "./nets.py:Leaves"}, "I parse arguments"),
        "absent": ({**module, "module": "./nets.py:Absent"}, "Absent"),
        "nowhere": ({**module, "module": "./nowhere.py:Net"}, "nowhere.py"),
        "raises": ({**module, "module": "./raises.py:Net"}, "no such luck"),
        "text": ({**module, "module": "./text.py:Net"}, "text.py"),
        "twice": ({"provider": "module", "module": "./nets.py:Double", "weights": "random"}, "scale 2"),
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_the_others_are_done(
    workers: int,
    bad: dict[str, tuple[dict[str, object], str]],
    tmp_path: Path,
    write_study: Callable[..., Path],
    l2xbench: Command,
) -> None:
    if workers == 2:  # in processes of their own, two kinds suffice
        bad = {name: bad[name] for name in ("missing", "other")}
    models = {"first": TINY, **{name: entry for name, (entry, _) in bad.items()}, "last": TINY}
    study = write_study(trust=True, heatmaps=None, models=models)
    out = tmp_path / "out"
    done = l2xbench("run", study, "--out", out, "--workers", workers)
    assert done.returncode == 1, done.stderr
    restored = pd.read_csv(out / "tables/restoration.csv")
    assert restored["model"].tolist() == ["bicubic", "first", "last"]
    assert restored["images"].tolist() == [3, 3, 3]
    failures = pd.read_csv(out / "tables/failures.csv").set_index("model")["reason"]
    assert sorted(failures.index) == sorted(bad)
    for name, (_, said) in bad.items():
        assert said in failures[name]
        assert f"failed {name}: " in done.stdout
    # those whose files are missing are told before anything is run, and none is told at the end alone
    assert workers == 2 or done.stdout.index("failed missing") < done.stdout.index("failed absent")
    reported = l2xbench("report", out)
    assert reported.returncode == 0
    again = l2xbench("run", study, "--out", out, "--workers", 1)
    assert again.returncode == 1
    assert "0 units computed" in again.stdout


def test_a_dry_run_tells_them_all(
    bad: dict[str, tuple[dict[str, object], str]], write_study: Callable[..., Path], l2xbench: Command
) -> None:
    models = {"first": TINY, **{name: entry for name, (entry, _) in bad.items()}}
    done = l2xbench("run", write_study(trust=True, models=models), "--dry-run")
    assert done.returncode == 1, done.stderr
    assert {name for name in models if f"failed {name}: " in done.stdout} == set(bad)
    for _, said in bad.values():
        assert said in done.stdout


@pytest.mark.parametrize("name", ["missing", "other", "refused", "raises"])
def test_a_study_of_none_but_bad_networks_is_a_wrong_request(
    name: str,
    bad: dict[str, tuple[dict[str, object], str]],
    tmp_path: Path,
    write_study: Callable[..., Path],
    l2xbench: Command,
) -> None:
    entry, said = bad[name]
    done = l2xbench("run", write_study(trust=True, models={name: entry}), "--out", tmp_path / "out")
    assert done.returncode == 2
    assert f"models.{name}: " in done.stderr and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


WRONG_SCALE = {"provider": "spandrel", "arch": {"type": "Compact", "num_feat": 4, "num_conv": 1, "upscale": 2}}
WRONG_FROM_THE_START = {
    "scale": ({**WRONG_SCALE, "scale": 4, "weights": "random"}, "its scale is likely 2"),
    "channels": (
        {"provider": "spandrel", "arch": {"type": "DRUNet", "in_nc": 5, "nc": [8] * 4, "nb": 1}, "scale": 4},
        "takes 5 channels, not 3",
    ),
    "outputs": ({"provider": "module", "module": "./several.py:Net", "scale": 4}, "returns a list of 2"),
}
SEVERAL = """
import torch
class Net(torch.nn.Module):
    def forward(self, x):
        return [torch.nn.functional.interpolate(x, scale_factor=4)] * 2
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_what_no_image_would_mend_is_told_once_and_fails_the_network_alone(
    workers: int, tmp_path: Path, write_study: Callable[..., Path], l2xbench: Command
) -> None:
    """As a network that cannot be built: at its first image, once, and not once for each of its units."""
    (tmp_path / "several.py").write_text(SEVERAL)
    bad = {name: {"weights": "random", **entry} for name, (entry, _) in WRONG_FROM_THE_START.items()}
    bad = bad if workers == 1 else {"scale": bad["scale"]}
    study = write_study(trust=True, models={"first": TINY, **bad, "last": TINY}, ablation={"ratios": [0.2]})
    done = l2xbench("run", study, "--out", tmp_path / "out", "--workers", workers)
    assert done.returncode == 1, done.stderr
    failures = pd.read_csv(tmp_path / "out/tables/failures.csv")
    assert sorted(failures["model"]) == sorted(bad)
    for name, reason in zip(failures["model"], failures["reason"], strict=True):
        assert WRONG_FROM_THE_START[name][1] in reason
        assert done.stdout.count(f"failed {name}: ") == 1
    restored = pd.read_csv(tmp_path / "out/tables/restoration.csv")
    assert restored["model"].tolist() == ["bicubic", "first", "last"]
    assert restored["images"].tolist() == [3, 3, 3]
    assert l2xbench("report", tmp_path / "out").returncode == 0


def test_a_dry_run_tells_what_the_run_would(
    tmp_path: Path, write_study: Callable[..., Path], photographs: Path, l2xbench: Command
) -> None:
    """A class of another scale that has no key `scale`, and a text that is called an image."""
    (tmp_path / "same.py").write_text("import torch\nclass Net(torch.nn.Identity):\n    pass\n")
    (photographs / "text.png").write_text("no image")
    same = {"provider": "module", "module": "./same.py:Net"}
    study = write_study(trust=True, models={"first": TINY, "same": same}, attribution=None)
    out = tmp_path / "out"
    for flags in (["--dry-run"], []):
        done = l2xbench("run", study, "--out", out, *flags)
        assert done.returncode == 1, done.stderr
        assert done.stdout.count("failed same: the network is for scale 1, the study's is 4") == 1
        assert "photographs text: " in done.stdout and "text.png: is not an image in a known format" in done.stdout
    (photographs / "text.png").unlink()
    alone = write_study(trust=True, models={"same": same})
    for flags in (["--dry-run"], []):
        done = l2xbench("run", alone, "--out", tmp_path / "alone", *flags)
        assert done.returncode == 2
        assert (done.stdout + done.stderr).count("the network is for scale 1") == 1, "it is told once"


def test_a_dry_run_tells_a_wrong_scale(write_study: Callable[..., Path], l2xbench: Command) -> None:
    models = {"first": TINY, "wrong": {**WRONG_SCALE, "scale": 4, "weights": "random"}}
    done = l2xbench("run", write_study(models=models), "--dry-run")
    assert done.returncode == 1
    assert "failed wrong: " in done.stdout and "its scale is likely 2" in done.stdout
