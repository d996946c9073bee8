"""The wheel: it carries configs and models, and works from any folder with no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


def run(*command: object, cwd: Path) -> str:
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, env=kept, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_works_without_the_checkout(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for kind, folder in (("configs", ROOT / "configs"), ("models", ROOT / "models")):
        for file in folder.rglob("*.*"):
            assert f"l2xbench/bundled/{kind}/{file.relative_to(folder)}" in names

    assert {"l2xbench/explore/page.css", "l2xbench/explore/viewer.js", "l2xbench/py.typed"} <= set(names)

    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    # a fresh environment, in which the dependencies installed for the tests stand in for an hour of downloads
    purelib = Path(
        run(environment / "bin/python", "-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path).strip()
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(environment / "bin/python", "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=elsewhere)
    (purelib / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    program = environment / "bin/l2xbench"
    home = run(environment / "bin/python", "-c", "import l2xbench; print(l2xbench.__file__)", cwd=elsewhere)
    assert str(purelib) in home, "the installed package, not the checkout"
    assert "edsr-compact" in run(program, "models", cwd=elsewhere)
    crop = "datasets.photographs={path: skimage, crop: 16, images: 1}"
    shown = run(program, "run", "configs/demo.yaml", "--models", "edsr", "--set", crop, cwd=elsewhere)
    assert "units computed" in shown
    table = pd.read_csv(elsewhere / "results/demo/tables/restoration.csv")
    assert list(table["model"]) == ["bicubic", "edsr"]
