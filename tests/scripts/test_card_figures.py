"""Measured figures into cards and into the README's table."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("card_figures")


@pytest.fixture
def results(tmp_path: Path) -> list[Path]:
    folders = []
    for name, edsr in (("set5", 31.0004), ("set14", 27.5)):
        folder = tmp_path / name / "tables"
        folder.mkdir(parents=True)
        rows = f"{name},bicubic,28.4,0.81,5,0\n{name},edsr,{edsr},0.88123,5,1234\n"
        (folder / "restoration.csv").write_text("dataset,model,psnr,ssim,images,parameters\n" + rows)
        folders.append(folder.parent)
    return folders


def test_the_table_has_a_row_a_network(
    script: ModuleType, results: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main([*map(str, results), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| network | parameters | Set5 PSNR / SSIM | Set14 PSNR / SSIM |"
    assert lines[3] == "| edsr | 1,234 | 31.00 / 0.8812 | 27.50 / 0.8812 |"


def test_second_seeds_stand_in_their_first_ones_rows(
    script: ModuleType, results: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, psnr in zip(results, (30.25, 27.0), strict=True):
        table = folder / "tables/restoration.csv"
        table.write_text(f"{table.read_text()}{folder.name},edsr-s1,{psnr},0.88,5,1234\n")
    assert script.main([*map(str, results), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("| Set14 PSNR / SSIM | second seed, Set5 | second seed, Set14 |")
    assert lines[2].endswith("| 28.40 / 0.8100 | 28.40 / 0.8100 |  |  |")
    assert lines[3:] == ["| edsr | 1,234 | 31.00 / 0.8812 | 27.50 / 0.8812 | 30.25 | 27.00 |"]


def test_a_card_gets_its_figures_and_keeps_the_rest(script: ModuleType, results: list[Path], tmp_path: Path) -> None:
    card = tmp_path / "edsr-compact.yaml"
    card.write_text("# kept\nprovider: l2xbench\ntraining:\n  hours: 1\n  measured:\n    Set5: [1, 2]\nscale: 4\n")
    assert script.update_cards(script.read(results), {"edsr-compact": card}) == ["edsr-compact.yaml"]
    assert card.read_text().startswith("# kept\nprovider: l2xbench\nscale: 4\n")
    training = yaml.safe_load(card.read_text())["training"]
    assert training == {"hours": 1, "measured": {"Set5": [31.0, 0.8812], "Set14": [27.5, 0.8812]}}


def test_a_second_seed_has_its_own_card(script: ModuleType) -> None:
    assert [script.card_of(name) for name in ("edsr", "edsr-s1", "swin2sr-s12")] == [
        "edsr-compact",
        "edsr-compact-s1",
        "swin2sr-compact-s12",
    ]


def test_a_folder_without_results_is_named(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["nowhere"]) == 2
    assert capsys.readouterr().err == "error: nowhere: holds no tables/restoration.csv; give a results folder\n"
