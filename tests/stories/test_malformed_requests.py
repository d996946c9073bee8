"""Command lines that ask for what there is not, and folders that hold no dataset: exit code 2 and one line each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.conftest import Command
from tests.stories.test_malformed import one_line


def apart(texts: str) -> list[str]:
    """Texts between bars."""
    return texts.split("|")


ODD = [*apart("| |,|a,,b|::|/|\n|\x1b[2J|图像|%s|-|--|null|\udcff|*|~nobody/x"), "x" * 300]
EXPLAIN, LAM = ["explain", "I", "--models", "M"], ["lam", "I", "--models", "M"]
#: What is asked -> the command, and texts that end it.
ENDS: dict[str, tuple[list[str], list[str]]] = {
    "ratios": (
        ["ablate", "S", "--dry-run", "--ratios"],
        apart(
            "|a|0|1|2|-0.1|0.1:|:0.4|0.4:0.1|0.1:0.4:0|0.1:0.4:-1|0.1:0.4:x|nan|inf|0.1:0.2:0.3:0.4|0.1,,0.2|0.1;0.2|"
            "1e999|0.1:0.4:1e-12|0,0.5"
        ),
    ),
    "target": (
        [*EXPLAIN, "--target"],
        apart(
            "|images|neuron|neuron:|neuron:1|neuron:1,2|neuron:3,0,0|neuron:-1,0,0|neuron:0,999,0|neuron:a,b,c|"
            "patch:1,2,3|patch:0,0,0,5|patch:0,0,-1,5|patch:0,0,999,5|patch:nan,0,1,1|neuron:0,0,0,0|patch|"
            "patch:0.5,0,1,1|neuron:1e3,0,0|neuron:99999999999999999999,0,0"
        ),
    ),
    "reference": (
        [*EXPLAIN, "--reference"],
        apart("|white|blur:|blur:alpha|blur:alpha=-1|blur:alpha=x|blur:beta=1|mean:1|blur:alpha=nan"),
    ),
    "method": ([*EXPLAIN, "--method"], apart("|l3x|LAM |lam,l2x|deep_lift")),
    "option": (
        [*EXPLAIN, "--method", "integrated_gradients", "--option"],
        apart("|steps|steps=|steps=0|steps=-3|steps=many|step=3|steps=1.5|=3|steps=[1]|steps={|a.b=1"),
    ),
    "window": ([*LAM, "--window"], apart("|1|1,2|1,2,3,4|a,b,c|-1,0,8|0,0,0|0;0;8|0.5,0,8|1e9,0,8|0,0,nan")),
    "crop": ([*LAM, "--window", "0,0,8", "--crop"], apart("|0,0,4|0,0,9999|a|-1,0,40")),
    "set": (
        ["run", "S", "--dry-run", "--set"],
        apart(
            "|seed|=|seed=|seed=x|seed=-1|seed=[|sed=1|attribution.reference=white|models=3|study.x=1|seed=2000-13-45|"
            "attribution.methods=[lam, l3x]|datasets.none.path=x|a=&a [*a]|seed=!!python/name:os.system|scale=0|"
            "ablation.ratios=[2]|heatmaps.palette=grey|device=tpu|workers=0|threads=0|seed=1e400"
        ),
    ),
    "models": (["run", "S", "--dry-run", "--models"], [*ODD, "tinny", "tiny,edsr"]),
    "network": (
        ["check"],
        [*ODD, *apart("edsr-compct|./none.pth|./none.yaml|none.py:Net|I|S|os:system|os:path|.|a.b:C|M:0")],
    ),
    "image": (["explain", "--models", "M"], [*ODD, "none.png", "S", ".", "M"]),
    "report": (["report"], [*ODD, "none", "S", "."]),
    "study": (["run", "--dry-run"], [*ODD, "demmo", ".", "I", "none.yaml"]),
    "operation": (["rules"], apart("|poww|aten::|torch.nope|::|图像")),
    "card": (["models"], apart("|edsrr|none.yaml|I|.|\x1b[1m")),
    "fetch": (["fetch"], apart("|edsrr|none.yaml|set55|.")),
    "inputs": (["check", "M", "--inputs"], apart("|a|=|sigma=1|sigma=[|a.b=1|sigma={a: 1}")),
    "of a card": (
        ["check", "M", "--card"],
        apart("|a=1|scale=0|scale=x|multiple=-1|provider=x|arch=3|output={}"),
    ),
}
#: Commands that are wrong as a whole.
LINES = """
check M --size 0|check M --size x|check M --outputs -1|check M --image none.png|check M --image S|
check M --reference white|check M --channels x|check M --extra-channels x|check M --output 1|check M --weights none.pth|
erf photographs --models M --size 1|erf photographs --models M --of x|erf none --models M|lam --preset x|lam|
erf photographs --models M --variant x|erf photographs --models M --scale 0|explain I --models M --verify --method lam|
explain I --models M --hr none.png|explain I --models M --lr lanczos|explain I --models M --palette grey|
explain I --models M --device tpu|explain I --models M --device cuda:99|explain I --models M,edsr-compact --target x|
run S --workers 0|run S --seed -1|run S --engine slurm --dry-run|run|nothing|run S --nothing|run S S|
cka S --estimator x|explore --port x|explore none.png --no-browser --models M|explore --study none --no-browser|
explore --study S --channels y --no-browser|ablate S --methods x --dry-run
"""
COMMANDS = {
    **{kind: [[*command, text] for text in texts] for kind, (command, texts) in ENDS.items()},
    "whole lines": [line.split() for line in apart(LINES.replace("\n", ""))],
}
FOLDERS: dict[str, tuple[int, dict[str, str]]] = {
    # what each file is: HR of 16 x 12 times the scale, LR, text, or a folder
    "empty": (4, {}),
    "text": (4, {"a.txt": "text", "b.md": "text"}),
    "only folders": (4, {"a/": "", "b/": ""}),
    "two names": (4, {"a.png": "hr", "a.jpg": "hr"}),
    "other names": (4, {"HR/a.png": "hr", "first/a.png": "lr"}),
    "HR of no name": (4, {"LR/a.png": "lr", "images/a.png": "hr"}),
    "other scale of SelfExSR": (4, {"image_SRF_2/a_SRF_2_HR.png": "hr", "image_SRF_2/a_SRF_2_LR.png": "lr"}),
    "other scale in one folder": (4, {"a_HR.png": "hr", "a_LR2.png": "lr"}),
    "three sides": (4, {"gt/a.png": "hr", "lq_x4/a.png": "lr", "lr_x4/a.png": "lr"}),
    "two sets": (
        4,
        {"A_HR/a.png": "hr", "A_LR_bicubic/X4/a.png": "lr", "B_HR/a.png": "hr", "B_LR_bicubic/X4/a.png": "lr"},
    ),
    "sets within": (4, {"one/HR/a.png": "hr", "one/LR/a.png": "lr"}),
    "scenes within": (1, {"one/sharp/a.png": "hr", "one/blur/a.png": "hr"}),
    "HR alone": (1, {"HR/a.png": "hr"}),
    "plain at scale 1": (1, {"a.png": "hr"}),
    "control characters": (4, {"a\n.png": "hr", "a~0A.png": "hr"}),
    "no UTF-8 twice": (4, {"\udcff.png": "hr", "~FF.png": "hr"}),
    "hidden": (4, {".a.png": "hr", "._b.png": "text"}),
    "a link to nothing": (4, {"a.png": "link"}),
    "a link to itself": (4, {"a.png": "loop"}),
    "a folder called an image": (4, {"a.png/": ""}),
}
PATHS = [
    *apart(
        " |.|./none|./a.png|~nobody/x|/dev/null|/proc|Urban1000|urban 10|https://x.org/a.zip|\x1b[1m|./\udcff|./a\0b"
    ),
    "./" + "x" * 300,
]
NAMES = [*apart("../a|a/b||.|-x|a b|图像|a\n|bicubic|%s|a:b|a\\b|~|\x1b[31m|CON/|_a|\0"), "x" * 65]
INPUTS = sum(map(len, COMMANDS.values())) + 2 * len(FOLDERS) + len(PATHS) + 3 * len(NAMES)


@pytest.fixture
def desk(tmp_path: Path, photographs: Path, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good study, an image and a card, in which commands are given."""
    write_study(attribution=None, heatmaps=None).rename(tmp_path / "S.yaml")
    (tmp_path / "M.yaml").write_text(
        "{provider: l2xbench, arch: {type: CARN, n_feats: 4, n_blocks: 1}, scale: 4, parameters: 0}"
    )
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "I.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", COMMANDS)
def test_command_lines(kind: str, desk: Path, l2xbench: Command) -> None:
    files = {"S": "S.yaml", "I": "I.png", "M": "./M.yaml", "M:0": "./M.yaml:0"}
    for line in COMMANDS[kind]:
        done = l2xbench(*(files.get(word, word) for word in line))
        one_line(done, line)


def put(folder: Path, name: str, what: str, scale: int) -> None:
    path = folder / name
    if name.endswith("/"):
        path.mkdir(parents=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if what == "text":
        path.write_text("text")
    elif what in ("link", "loop"):
        path.symlink_to(path.name if what == "loop" else "none.png")
    else:
        times = scale if what == "hr" else 1
        Image.fromarray(np.full((16 * times, 12 * times, 3), 99, np.uint8)).save(path, format="PNG")


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders(kind: str, desk: Path, l2xbench: Command) -> None:
    scale, files = FOLDERS[kind]
    folder = desk / "set"
    folder.mkdir()
    for name, what in files.items():
        put(folder, name, what, scale)
    arch = {"type": "Compact", "num_feat": 4, "num_conv": 1, "upscale": scale}
    models = {"a": {"provider": "spandrel", "arch": arch, "weights": "random"}}
    study = {"study": "a", "scale": scale, "models": models, "datasets": {"s": "./set"}}
    (desk / "x.yaml").write_text(yaml.safe_dump(study))
    one_line(l2xbench("run", "x.yaml", "--dry-run"), kind)
    one_line(l2xbench("erf", "./set", "--models", "./M.yaml", "--scale", scale * 2, "--dry-run", "--size", 8), kind)


def test_paths(desk: Path, l2xbench: Command) -> None:
    for path in PATHS:
        study: dict[str, Any] = yaml.safe_load((desk / "S.yaml").read_text())
        study["datasets"] = {"s": path}
        if path == "./\udcff":
            (desk / "x.yaml").write_bytes(
                os.fsencode(yaml.safe_dump({**study, "datasets": {"s": "MARK"}}).replace("MARK", path))
            )
        else:
            (desk / "x.yaml").write_text(yaml.safe_dump(study, allow_unicode=True))
        one_line(l2xbench("run", "x.yaml", "--dry-run"), path)


def test_names(desk: Path, l2xbench: Command) -> None:
    for name in NAMES:
        study: dict[str, Any] = yaml.safe_load((desk / "S.yaml").read_text())
        named = [
            {**study, "study": name},
            {**study, "models": {name: study["models"]["tiny"]}},
            {**study, "datasets": {name: study["datasets"]["photographs"]}},
        ]
        for data in named:
            if name == "bicubic" and "bicubic" not in data["models"]:
                continue  # a study or a dataset may be called so
            (desk / "x.yaml").write_text(yaml.safe_dump(data, allow_unicode=True))
            one_line(l2xbench("run", "x.yaml", "--dry-run"), name)
