"""One results folder holds one study: another is refused, and a part of it that flags changed has its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Command

Write = Callable[..., Path]


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_another_study_is_refused_and_changes_nothing(l2xbench: Command, tmp_path: Path, write_study: Write) -> None:
    out = tmp_path / "out"
    assert l2xbench("run", write_study(attribution=None), "--out", out).returncode == 0
    before = _files(out)
    other = write_study(study="other", attribution=None)
    for flags in ([], ["--dry-run"], ["--fresh"]):
        done = l2xbench("run", other, "--out", out, *flags)
        assert done.returncode == 2
        assert f"{out}: holds the study 'small', and this is 'other'" in done.stderr and "--out" in done.stderr
    quick = l2xbench("erf", tmp_path / "photographs", "--models", "edsr-compact", "--out", out)
    assert quick.returncode == 2 and "holds the study 'small', and this is 'erf'" in quick.stderr
    assert _files(out) == before


def test_the_same_study_grows_and_shrinks_in_its_folder(
    l2xbench: Command, tmp_path: Path, write_study: Write, photographs: Path
) -> None:
    out = tmp_path / "out"
    for images in (1, 2, 1):
        datasets = {"photographs": {"path": str(photographs), "images": images}}
        done = l2xbench("run", write_study(attribution=None, datasets=datasets), "--out", out)
        assert done.returncode == 0, done.stderr
        assert set(pd.read_csv(out / "tables/restoration.csv")["images"]) == {images}
    assert l2xbench("report", out).returncode == 0


def test_a_folder_of_other_files_is_no_results_folder(
    l2xbench: Command, tmp_path: Path, write_study: Write, photographs: Path
) -> None:
    before = _files(photographs)
    done = l2xbench("run", write_study(), "--out", photographs)
    assert done.returncode == 2 and "holds what are no results of l2xbench (photo0.png and 2 more)" in done.stderr
    for command in (["erf"], ["reach", "--crop", 8], ["referee"]):
        name, *flags = command
        quick = l2xbench(name, photographs, "--models", "edsr-compact", *flags, "--out", photographs)
        assert quick.returncode == 2 and "no results of l2xbench" in quick.stderr, quick.stderr
    assert _files(photographs) == before


def test_a_study_may_lie_in_its_own_results_folder(l2xbench: Command, tmp_path: Path, write_study: Write) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.log").touch()
    study = write_study(attribution=None).rename(out / "small.yaml")
    assert l2xbench("run", study, "--out", out).returncode == 0


def test_a_part_that_flags_changed_leaves_the_whole_and_computes_nothing_twice(
    l2xbench: Command, tmp_path: Path, write_study: Write, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arch = {"type": "CARN", "n_feats": 4, "n_blocks": 1}
    networks = {
        name: {"provider": "l2xbench", "arch": {**arch, "n_feats": 4 + at}, "weights": "random"}
        for at, name in enumerate("ab")
    }
    study = write_study(
        models=networks,
        datasets={"photographs": {"path": str(photographs), "images": 1, "crop": 8}},
        heatmaps=None,
        ablation={"ratios": [0.2], "controls": []},
        similarity={"size": 8, "crops": 2},
    )
    assert l2xbench("ablate", study).returncode == 0, "no flag: the study's own folder"
    whole = _files(Path("results/small"))
    rows = pd.read_csv("results/small/tables/ablation.csv")

    part = l2xbench("ablate", study, "--models", "a")
    assert part.returncode == 0, part.stderr
    assert "results go to results/small-ablate, those in results/small stay" in part.stdout
    assert "0 units computed" in part.stdout and "taken over from results/small" in part.stdout
    assert _files(Path("results/small")) == whole
    of_part = pd.read_csv("results/small-ablate/tables/ablation.csv")
    assert set(of_part["model"]) == {"a"}
    assert of_part["psnr"].tolist() == rows.loc[rows["model"] == "a", "psnr"].tolist()


def test_which_folder_flags_make_it(
    l2xbench: Command, tmp_path: Path, write_study: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": 1}, "weights": "random"}
    study = write_study(models={"a": tiny, "b": tiny, "c": tiny}, ablation={"ratios": [0.1, 0.2]})
    for given, folder in (
        (["cka", study], "results/small"),
        (["cka", study, "--device", "cpu", "--workers", 1], "results/small"),
        (["cka", study, "--models", "a,b"], "results/small-cka"),
        (["cka", study, "--models", "a,b", "--out", "mine"], "mine"),
        (["cka", study, "--layers", "blocks"], "results/small-cka"),
        (["ablate", study, "--ratios", "0.1,0.2"], "results/small"),
        (["ablate", study, "--ratios", "0.1"], "results/small-ablate"),
        (["ablate", study, "--set", "attribution.reference=mean"], "results/small-ablate"),
        (["run", study, "--models", "a"], "results/small"),
    ):
        done = l2xbench(*given, "--dry-run")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].split() == ["results", "go", "to", folder], given
