"""The command as a user runs it: what it prints, its exit codes, and that no mistake gives a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from tests.conftest import Command
from tests.processes import start


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


HEAVY = {"torch", "numpy", "pandas", "matplotlib", "scipy", "pydantic"}
"""What takes longer to import than help should take to be shown."""


def test_help_imports_nothing_heavy() -> None:
    program = "import sys, l2xbench.cli as c\ntry: c.main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True)
    assert "run" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_the_package_imports_at_once_and_a_map_waits_for_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """0.03 s for the package, and about 2 s less for `explain`: what they leave alone is what would take that long."""
    Image.fromarray(np.full((12, 12, 3), 90, np.uint8)).save(tmp_path / "lr.png")
    program = (
        "import sys, l2xbench\n"
        "print(*sys.modules)\n"
        "import l2xbench.cli as c\n"
        "try: c.main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    command = ["explain", tmp_path / "lr.png", "--models", "carn-compact", "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, command)], capture_output=True, text=True, check=True
    )
    assert not (HEAVY | {"typer", "rich", "yaml"}) & set(done.stdout.splitlines()[0].split())
    assert not {"pandas", "scipy", "sympy", "jinja2", "torch.distributed.tensor"} & set(done.stderr.split())


def test_a_study_from_yaml_to_tables_and_heatmaps_and_nothing_twice(
    l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path]
) -> None:
    out = tmp_path / "out"
    first = l2xbench("run", write_study(heatmaps={}), "--out", out)
    assert first.returncode == 0, first.stderr
    assert "12 units computed" in first.stdout

    table = pd.read_csv(out / "tables/restoration.csv")
    assert list(table.columns[:6]) == ["dataset", "model", "psnr", "ssim", "images", "parameters"]
    assert list(table["model"]) == ["bicubic", "tiny"]
    assert set(table["images"]) == {3}
    assert {"restoration.md", "restoration.tex", "cost.csv", "failures.csv"} <= {
        p.name for p in (out / "tables").iterdir()
    }
    for image in ("photo0", "photo1", "photo2"):
        assert (out / f"figures/heatmap-photographs-{image}.png").stat().st_size > 5000
        assert (out / f"figures/heatmap-photographs-{image}.pdf").read_bytes().startswith(b"%PDF")
        assert (out / f"attributions/photographs/tiny/{image}.npz").is_file()
        assert (out / f"sr/photographs/tiny/{image}.png").is_file()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["models"]["tiny"]["weights"] == "random"
    assert manifest["study"]["attribution"]["reference"] == "blur"
    assert all(manifest["datasets"]["photographs"]["images"].values())

    before = contents(out)
    again = l2xbench("run", write_study(heatmaps={}), "--out", out)
    assert again.returncode == 0
    assert "0 units computed, 12 found done" in again.stdout
    after = contents(out)
    assert {name for name in before if before[name] != after.get(name)} == {"manifest.json", "report.html"}

    changed = l2xbench("run", write_study(), "--out", out, "--set", "attribution.reference=mean")
    assert "3 units computed, 9 found done" in changed.stdout, "only the maps depend on the reference"


def tiny(**arch: object) -> dict[str, object]:
    return {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": 1, **arch}, "weights": "random"}


FEW_CROPS = {"size": 8, "crops": 3, "permutations": 19, "bootstrap": 20}


def test_cka_computes_only_what_it_needs_and_uses_what_run_has_left(
    l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path]
) -> None:
    out = tmp_path / "out"
    networks = {"a": tiny(), "b": tiny(n_feats=6), "c": tiny(n_blocks=2)}
    study = write_study(models=networks, similarity=FEW_CROPS)
    first = l2xbench("cka", study, "--models", "a,c", "--out", out)
    assert first.returncode == 0, first.stderr
    assert "9 units computed" in first.stdout, "3 inputs, 2 networks x 3 images"
    table = pd.read_csv(out / "tables/cka.csv")
    assert list(table.columns[:4]) == ["dataset", "model_a", "model_b", "cka"]
    assert table[["model_a", "model_b"]].to_numpy().tolist() == [["a", "c"], ["a", "difference"], ["c", "difference"]]
    assert not (out / "sr").exists()
    assert (out / "figures/cka-photographs.pdf").read_bytes().startswith(b"%PDF")
    assert json.loads((out / "manifest.json").read_text())["study"]["similarity"]["crops"] == 3

    whole = l2xbench("run", study, "--out", out)
    assert "24 units computed, 9 found done" in whole.stdout, whole.stdout
    pairs = pd.read_csv(out / "tables/cka.csv")
    assert len(pairs) == 3 + 3, "and each network with the control"
    assert pairs["cka"][1] == table["cka"][0]

    again = l2xbench("cka", study, "--models", "a,b", "--estimator", "unbiased", "--out", out)
    assert "0 units computed, 9 found done" in again.stdout, "another estimator needs no other maps"
    assert pd.read_csv(out / "tables/cka.csv")["estimator"].tolist() == ["unbiased"] * 3
    assert set(json.loads((out / "manifest.json").read_text())["models"]) == {"bicubic", "a", "b", "c"}
    assert set(json.loads((out / "manifest-similarity.json").read_text())["models"]) == {"a", "b"}


def test_cka_without_room_for_crops_is_a_failure_not_a_crash(
    l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path]
) -> None:
    study = write_study(models={"a": tiny(), "b": tiny(n_feats=6)}, similarity={**FEW_CROPS, "size": 11})
    done = l2xbench("cka", study, "--out", tmp_path / "out")
    assert done.returncode == 1
    failures = pd.read_csv(tmp_path / "out/tables/failures.csv")
    assert len(failures) == 6 and failures["reason"].str.contains("similarity.size: a crop of 11 x 11").all()


def test_dry_run_shows_the_plan_and_writes_nothing(
    l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path]
) -> None:
    study = write_study()
    done = l2xbench("run", study, "--dry-run", "--out", tmp_path / "out")
    assert done.returncode == 0
    for part in ("tiny", "bicubic", "photographs", "12 units", "LR made by bicubic", str(tmp_path / "out")):
        assert part in done.stdout
    assert not (tmp_path / "out").exists()


def test_one_bad_image_does_not_stop_the_rest(
    l2xbench: Command, tmp_path: Path, photographs: Path, write_study: Callable[..., Path]
) -> None:
    (photographs / "photo1.png").write_bytes(b"not an image")
    done = l2xbench("run", write_study(), "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "photo1.png" in done.stdout
    failures = pd.read_csv(tmp_path / "out/tables/failures.csv")
    assert list(failures["image"]) == ["photo1"]
    assert "photo1.png" in failures["reason"][0]
    assert set(pd.read_csv(tmp_path / "out/tables/restoration.csv")["images"]) == {2}


RAISES = """
import torch
class Net(torch.nn.Module):
    scale = 4
    def forward(self, x):
        if x.shape[-1] == 13:
            raise RuntimeError("too wide\\nfor me")
        return torch.full((1, 3, 4 * x.shape[2], 4 * x.shape[3]), float("nan")) + x.mean()
"""


def test_a_network_that_raises_or_gives_nan_fails_only_its_own_units(
    l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path]
) -> None:
    (tmp_path / "net.py").write_text(RAISES)
    study = write_study(trust=True, models={"bad": {"provider": "module", "module": "./net.py:Net"}})
    done = l2xbench("run", study, "--out", tmp_path / "out")
    assert done.returncode == 1
    failures = pd.read_csv(tmp_path / "out/tables/failures.csv")
    assert set(failures["model"]) == {"bad"}
    assert len(failures) == 6
    reasons = " ".join(failures["reason"])
    assert "RuntimeError: too wide for me" in reasons
    assert "NaN" in reasons
    assert list(pd.read_csv(tmp_path / "out/tables/restoration.csv")["model"]) == ["bicubic"]


def test_lr_images_alone_are_explained_without_metrics(
    l2xbench: Command, tmp_path: Path, photographs: Path, write_study: Callable[..., Path]
) -> None:
    mine = {"path": str(photographs), "kind": "lr", "images": ["photo0"], "crop": 12}
    study = write_study(heatmaps={}, datasets={"mine": mine})
    done = l2xbench("run", study, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "no metrics" in done.stdout
    assert Image.open(tmp_path / "out/sr/mine/tiny/photo0.png").size == (48, 48)
    assert (tmp_path / "out/figures/heatmap-mine-photo0.png").is_file()


@pytest.mark.parametrize(
    ("command", "study_of_units", "units"), [("run", "attribution", 30), ("ablate", "ablation", 75)]
)
def test_ctrl_c_loses_nothing_and_the_next_run_goes_on(
    command: str,
    study_of_units: str,
    units: int,
    l2xbench: Command,
    tmp_path: Path,
    write_study: Callable[..., Path],
) -> None:
    out = tmp_path / "out"
    network = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 16}, "weights": "random"}
    ablation = {"ablation": {"ratios": [0.1, 0.2], "random_orders": 1}} if command == "ablate" else {}
    study = write_study(models={f"net{i}": network for i in range(4)}, **ablation)
    program = start(tmp_path / "printed", command, study, "--out", out)
    program.wait_until(lambda: list(out.rglob(f"records/{study_of_units}/**/*.journal")))
    program.interrupt()
    assert program.wait(60) == 130
    told = "l2xbench: stopped; what is finished is kept, and the same command goes on from there"
    assert program.output.strip().splitlines()[-1] == told
    assert "Traceback" not in program.output
    assert not list(out.rglob("*.partial"))
    kept = sum(len(path.read_bytes().splitlines()) for path in out.rglob("records/**/*.journal"))
    assert 0 < kept < units
    going_on = l2xbench(command, study, "--out", out)
    assert going_on.returncode == 0, going_on.stderr
    assert f"{units - kept} units computed, {kept} found done" in going_on.stdout


WRONG = {
    "unknown study": (["run", "demoo"], ["demoo", "no such study file", "did you mean 'demo'"]),
    "unknown option": (["run", "demo", "--modles", "x"], ["--modles", "--help"]),
    "unknown command": (["rnu"], ["rnu"]),
    "unknown model of the study": (["run", "{study}", "--models", "tinny"], ["tinny", "did you mean 'tiny'"]),
    "no name": (["run", "{study}", "--models", ","], ["--models", "example"]),
    "unknown key": (["run", "{study}", "--set", "attribution.metod=x"], ["attribution.metod", "'methods'"]),
    "unknown device": (["run", "{study}", "--device", "gpu"], ["device", "'gpu'"]),
    "absent device": (["run", "{study}", "--device", "cuda:99"], ["cuda:99"]),
    "a file for a folder": (["run", "{study}", "--out", "{study}"], ["--out", "cannot be written to"]),
    "unknown method": (["run", "{study}", "--set", "attribution.methods=[l3x]"], ["attribution.methods", "l3x", "l2x"]),
    "unknown option of a method": (
        ["run", "{study}", "--set", "attribution.options={{lam: {{stepz: 3}}}}"],
        ["attribution.options", "stepz", "steps"],
    ),
    "unknown reference": (
        ["run", "{study}", "--set", "attribution.reference=blurr"],
        ["attribution.reference", "blur"],
    ),
    "one network for cka": (["cka", "{study}"], ["cka", "two networks", "tiny"]),
    "unknown estimator": (["cka", "{study}", "--estimator", "unbaised"], ["similarity.estimator", "did you mean"]),
    "crops too small": (["cka", "{study}", "--set", "similarity.size=2"], ["similarity.size", "8"]),
    "unknown method of cka": (["run", "{study}", "--set", "similarity.method=l3x"], ["similarity.method", "l2x"]),
    "unknown reference of cka": (["run", "{study}", "--set", "similarity.reference=blurr"], ["similarity.reference"]),
    "target outside the crop": (
        ["run", "{study}", "--set", "similarity.target=patch:120,0,16,16"],
        ["similarity.target", "outside"],
    ),
    "unknown target": (["run", "{study}", "--set", "attribution.target=pixel:1"], ["attribution.target", "pixel"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_one_line_and_exit_code_2(
    l2xbench: Command,
    name: str,
    tmp_path: Path,
    write_study: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments, expected = WRONG[name]
    study = write_study()
    given = [a.format(study=study) for a in arguments]
    monkeypatch.chdir(tmp_path)
    done = l2xbench(*given)
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    for part in expected:
        assert part in done.stderr


WRONG_BLOCKS = {
    "unknown card": ({"models": {"a": "edssr"}}, ["models.a", "edssr"]),
    "missing checkpoint": ({"models": {"a": {"card": "bicubic", "weights": "./none.pth"}}}, ["models.a", "none.pth"]),
    "missing folder": ({"datasets": {"a": "./none"}}, ["datasets.a", "none"]),
    "a set that is not here": ({"datasets": {"a": "Urban100"}}, ["datasets.a", "Urban100", "--data-root"]),
    "another scale": ({"scale": 2, "models": {"a": {"card": "bicubic"}}}, ["models.a", "scale"]),
    "untrusted code": ({"models": {"a": {"provider": "module", "module": "os:system"}}}, ["models.a", "trust: true"]),
    "wrong arch": (
        {"models": {"a": {"provider": "basicsr", "arch": {"type": "EDSRR"}, "weights": "random"}}},
        ["EDSR"],
    ),
}


@pytest.mark.parametrize("name", WRONG_BLOCKS)
def test_a_wrong_network_or_dataset_is_told_by_key(
    l2xbench: Command, name: str, tmp_path: Path, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L2XBENCH_HOME", str(tmp_path / "home"))
    blocks, expected = WRONG_BLOCKS[name]
    done = l2xbench("run", write_study(**blocks), "--out", tmp_path / "out")
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    for part in expected:
        assert part in done.stderr


def test_check_tells_operations_rules_and_completeness(l2xbench: Command) -> None:
    done = l2xbench("check", "edsr-compact", "--size", 16)
    assert done.returncode == 0, done.stderr
    for part in ("convolution", "linear", "relu", "closed form", "float64", "float32", "explained exactly"):
        assert part in done.stdout


ROUNDS = """
import torch
class Net(torch.nn.Module):
    def forward(self, x):
        return x.sort(dim=-1).values + 3 * x.round()
"""


def test_check_of_a_class_of_ones_own_and_exit_code_1_above_the_limit(
    l2xbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rounds.py").write_text(ROUNDS)
    arguments = ("check", f"{tmp_path}/rounds.py:Net", "--trust", "--size", 12)
    passed = l2xbench(*arguments)
    assert passed.returncode == 0, passed.stderr
    assert "selection: chosen by the data" in passed.stdout
    monkeypatch.setattr("l2xbench.commands.check.LIMIT", -1.0)
    failed = l2xbench(*arguments)
    assert failed.returncode == 1
    assert "not exact" in failed.stdout


@pytest.fixture
def lr_image(tmp_path: Path, photographs: Path) -> Path:
    path = tmp_path / "lr.png"
    Image.open(photographs / "photo0.png").crop((0, 0, 24, 20)).save(path)
    return path


def test_explain_leaves_a_figure_and_each_map(
    l2xbench: Command, tmp_path: Path, lr_image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = {"title": "Mine", "provider": "l2xbench", "arch": {"type": "Bicubic", "scale": 4}, "parameters": 0}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(card))
    monkeypatch.chdir(tmp_path)
    before = lr_image.read_bytes()
    models = "edsr-compact,bicubic,./mine.yaml"
    done = l2xbench("explain", "lr.png", "--models", models, "--target", "patch:8,12,16,16", "--out", ".")
    assert done.returncode == 0, done.stderr
    assert lr_image.read_bytes() == before
    assert (tmp_path / "heatmap-lr.png").stat().st_size > 5000
    assert (tmp_path / "heatmap-lr.pdf").read_bytes().startswith(b"%PDF")
    kept = {name: dict(np.load(tmp_path / f"{name}.npz")) for name in ("edsr-compact", "bicubic", "mine")}
    assert kept["edsr-compact"]["values"].shape == kept["edsr-compact"]["reference"].shape == (3, 20, 24)
    for arrays in kept.values():
        assert arrays["values"].sum() == pytest.approx(float(arrays["delta"]), rel=1e-4)
    assert "outside" in done.stdout and "diffusion" in done.stdout
    assert np.array_equal(kept["mine"]["values"], kept["bicubic"]["values"])
    assert not np.array_equal(kept["mine"]["values"], kept["edsr-compact"]["values"])

    before = (tmp_path / "heatmap-lr.png").read_bytes()
    linear = l2xbench("explain", "lr.png", "--target", "patch:8,12,16,16", "--out", ".", "--scale", "linear")
    assert linear.returncode == 0 and (tmp_path / "heatmap-lr.png").read_bytes() != before

    peer = l2xbench("explain", "lr.png", "--method", "gradient", "--models", "bicubic,bicubic", "--reference", "mean")
    assert peer.returncode == 0, peer.stderr
    assert (tmp_path / "results/explain/lr/bicubic.npz").is_file()


def test_explain_makes_lr_of_an_hr_image_as_it_is_told(l2xbench: Command, tmp_path: Path, photographs: Path) -> None:
    hr = photographs / "photo0.png"
    arguments = ["--models", "bicubic", "--reference", "black", "--target", "patch:8,12,16,16"]
    kept = {}
    for choice in ("matlab", "pillow"):
        out = tmp_path / choice
        done = l2xbench("explain", hr, *arguments, "--lr", choice, "--out", out)
        assert done.returncode == 0, done.stderr
        kept[choice] = np.load(out / "bicubic.npz")
        assert kept[choice]["values"].shape == (3, 10, 12), "40 x 48 HR pixels at scale 4"
    assert not np.array_equal(kept["matlab"]["values"], kept["pillow"]["values"])


def test_explain_keeps_the_maps_of_the_networks_that_can_be_explained(
    l2xbench: Command, tmp_path: Path, lr_image: Path
) -> None:
    (tmp_path / "stops.py").write_text("import torch\nclass Net(torch.nn.Module):\n    scale = 4\n")
    (tmp_path / "stops.yaml").write_text("{provider: module, module: './stops.py:Net', scale: 4}")
    out = tmp_path / "out"
    models = f"{tmp_path}/stops.yaml,edsr-compact"
    done = l2xbench("explain", lr_image, "--models", models, "--trust", "--out", out)
    assert done.returncode == 1, done.stderr
    assert "failed stops:" in done.stdout
    assert {path.name for path in out.iterdir()} == {"edsr-compact.npz", "heatmap-lr.png", "heatmap-lr.pdf"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none.png"], "none.png: no such file"),
        (["{lr}", "--models", "edsrr"], "did you mean"),
        (["{lr}", "--models", ","], "--models"),
        (["{lr}", "--models", "./none.pth"], "none.pth"),
        (["{lr}", "--target", "patch:1,2"], "--target: target 'patch:1,2' has 2 numbers"),
        (["{lr}", "--target", "patch:70,0,16,16"], "--target: target 'patch:70,0,16,16' is outside the output"),
        (["{lr}", "--reference", "blurr"], "--reference"),
        (["{lr}", "--method", "l3x"], "--method"),
        (["{lr}", "--method", "lam", "--option", "stepz=3"], "--option: method 'lam': option 'stepz'"),
        (["{lr}", "--option", "variant"], "--option variant: needed KEY=VALUE, for example --option variant=published"),
        (["{lr}", "--method", "lam", "--option", "variant=publishd"], "did you mean 'published'"),
        (["{lr}", "--scale", "log"], "--scale: 'log' is not one of auto, linear, symlog"),
        (["{lr}", "--lr", "pilow"], "--lr pilow: it is matlab or pillow"),
        (["{lr}", "--lr", "pillow", "--hr", "{lr}"], "--hr: with --lr pillow the image itself is HR"),
        (["{lr}", "--palette", "red"], "palette"),
        (["{lr}", "--device", "gpu"], "device: 'gpu'"),
        (["{lr}", "--hr", "{lr}"], "at scale 4 HR must be 96 x 80"),
        (["{study}"], "is not an image"),
    ],
)
def test_explain_tells_a_wrong_request_in_one_line(
    l2xbench: Command,
    tmp_path: Path,
    lr_image: Path,
    write_study: Callable[..., Path],
    arguments: list[str],
    expected: str,
) -> None:
    given = [argument.format(lr=lr_image, study=write_study()) for argument in arguments]
    done = l2xbench("explain", *given, "--out", tmp_path / "out")
    assert done.returncode == 2, done.stdout + done.stderr
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("out/*.png"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["check", "edsrr"], "did you mean 'edsr'"),
        (["check", "./net.py:Net"], "trust"),
        (["check", "edsr-compact", "--reference", "blurr"], "did you mean 'blur'"),
        (["check", "edsr-compact", "--image", "./none.png"], "none.png"),
        (["check", "edsr-compact", "--weights", "./none.pth"], "none.pth"),
    ],
)
def test_check_tells_a_wrong_request(l2xbench: Command, arguments: list[str], expected: str) -> None:
    done = l2xbench(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_papers_choices_give_the_numbers_of_version_0_1_0(l2xbench: Command, tmp_path: Path) -> None:
    study = {
        "study": "small",
        "models": {"a": tiny(), "b": tiny(n_feats=6)},
        "datasets": {"photographs": {"path": "skimage", "crop": 40, "images": 2}},
        "similarity": {"permutations": 19, "bootstrap": 20},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(study))
    paper = ("similarity.target=image", "similarity.estimator=biased", "similarity.of=attributions")
    flags = [argument for choice in paper for argument in ("--set", choice)]
    done = l2xbench("cka", tmp_path / "small.yaml", *flags, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    row = pd.read_csv(tmp_path / "out/tables/cka.csv").iloc[0]
    assert (row["model_a"], row["model_b"], row["samples"], row["p_value"]) == ("a", "b", 16, 0.05)
    # as the study of this YAML, without the three choices, gave them then
    then = [0.9729735937502904, 0.9648752597566732, 0.9799715237729625, 0.7413937091420901]
    assert row[["cka", "low", "high", "chance"]].astype(float).tolist() == pytest.approx(then, rel=1e-6)
