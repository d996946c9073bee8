"""What a plan says is missing, that it is fetched once, and the one line where there is no network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from l2xbench.commands.fetch import fetch_missing
from l2xbench.commands.run import How, run_study
from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.fetch import sets
from l2xbench.run.lookup import Incomplete, Missing
from l2xbench.run.plan import make_plan
from l2xbench.studies.reading import read_study
from tests.fetch.conftest import home, server
from tests.fetch.server import Server

__all__ = ["home", "server"]

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def set5(shared: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    folder = shared / "data/Set5/image_SRF_4"
    server.files = {f"/Set5/image_SRF_4/{path.name}": path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(sets, "SELFEXSR", server.url)
    return server


def lacking(study: StudyConfig, data_root: Path | None = None) -> tuple[Missing, ...]:
    """What the plan says is missing."""
    try:
        make_plan(study, Path("out"), data_root)
    except Incomplete as incomplete:
        return incomplete.missing
    return ()


def fetch(study: StudyConfig) -> None:
    """What a command does with it."""
    fetch_missing(Console(quiet=True), lacking(study))


def test_a_known_set_is_fetched_once(write_study: Callable[..., Path], set5: Server, tmp_path: Path) -> None:
    study = read_study(str(write_study(datasets={"set5": "Set5"})))
    fetch(study)
    plan = make_plan(study, tmp_path / "out")
    assert len(plan.datasets[0].pairs) == 5
    assert plan.datasets[0].note is None
    assert lacking(study) == ()
    assert len(set5.asked) == 10


def test_a_study_that_names_a_set_runs_from_download_to_tables(
    write_study: Callable[..., Path], set5: Server, tmp_path: Path
) -> None:
    study = read_study(str(write_study(datasets={"set5": {"path": "Set5", "images": 1, "crop": 12}}, heatmaps=None)))
    assert run_study(study, tmp_path / "out", How()) == 0
    assert "set5,tiny," in (tmp_path / "out/tables/restoration.csv").read_text()
    assert {path for path, _ in set5.asked} == {f"/Set5/image_SRF_4/img_001_SRF_4_{side}.png" for side in ("HR", "LR")}
    assert run_study(study, tmp_path / "out", How()) == 0
    assert len(set5.asked) == 2


def test_a_dry_run_says_what_would_be_fetched(
    write_study: Callable[..., Path], set5: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    study = read_study(str(write_study(datasets={"set5": "Set5"})))
    assert run_study(study, tmp_path / "out", How(dry_run=True)) == 0
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().out == "datasets.set5: Set5 (x4) would be fetched first (0.9 MB)\n"
    assert set5.asked == []


def test_only_the_images_of_the_study_are_fetched(
    write_study: Callable[..., Path], set5: Server, tmp_path: Path
) -> None:
    study = read_study(str(write_study(datasets={"a": {"path": "set5", "images": ["img_003"]}})))
    fetch(study)
    assert len(set5.asked) == 2
    assert [pair.name for pair in make_plan(study, tmp_path / "out").datasets[0].pairs] == ["img_003"]
    whole = read_study(str(write_study(datasets={"a": "Set5"})))
    fetch(whole)
    assert len(set5.asked) == 10, "and the rest when a study wants the rest"


def test_a_data_root_wins(write_study: Callable[..., Path], photographs: Path, tmp_path: Path, home: Path) -> None:
    study = read_study(str(write_study(datasets={"u": "Urban100"})))
    photographs.rename(tmp_path / "Urban100")
    assert lacking(study, tmp_path) == ()
    assert (
        make_plan(study, tmp_path / "out", tmp_path).datasets[0].note
        == "3 of Urban100's 100 images; LR made by bicubic"
    )
    assert [each.key for each in lacking(study, tmp_path / "elsewhere")] == ["datasets.u"]


def test_without_a_network_one_line_says_what_would_mend_it(
    write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sets, "SELFEXSR", NOWHERE)
    study = read_study(str(write_study(datasets={"u": "Urban100"})))
    with pytest.raises(RequestError) as raised:
        fetch(study)
    message = str(raised.value)
    assert message.startswith("datasets.u: Urban100 (x4) is not here and cannot be downloaded")
    for part in ("no connection to 127.0.0.1:9", "`l2xbench fetch urban100`", "--data-root"):
        assert part in message
    assert "\n" not in message
    with pytest.raises(RequestError, match="l2xbench fetch urban100.*--data-root"):
        make_plan(study, tmp_path / "out")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("Manga109", "manga109.org"), ("Urbn100", "did you mean 'Urban100'"), ("mine", "./mine")],
)
def test_a_set_that_cannot_be_fetched_is_told_by_the_plan(
    write_study: Callable[..., Path], tmp_path: Path, path: str, expected: str
) -> None:
    study = read_study(str(write_study(datasets={"a": path})))
    with pytest.raises(RequestError, match=f"datasets.a: path: '{path}' is not in .*{expected}"):
        make_plan(study, tmp_path / "out")


def test_a_checkpoint_with_an_address_is_fetched(
    write_study: Callable[..., Path], server: Server, tmp_path: Path, home: Path
) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "net.pth")
    data = (tmp_path / "net.pth").read_bytes()
    name = f"/net-{hashlib.sha256(data).hexdigest()[:8]}.pth?raw=true"
    server.files[name] = data
    network = {"provider": "l2xbench", "arch": {"type": "CARN"}, "scale": 4}
    study = read_study(str(write_study(models={"net": {**network, "weights": {"url": server.url + name}}})))
    assert [each.key for each in lacking(study)] == ["models.net"]
    fetch(study)
    assert [path.name for path in (home / "checkpoints").iterdir()] == [name[1:-9]]
    assert make_plan(study, tmp_path / "out").models[1].source.weights == home / "checkpoints" / name[1:-9]
    assert lacking(study) == ()
    server.files[name] = data[::-1]
    (home / "checkpoints" / name[1:-9]).unlink()
    with pytest.raises(RequestError, match=r"models\.net: checkpoint of net .*another SHA-256.*weights: PATH"):
        fetch(study)


def test_a_checkpoint_without_a_known_hash_is_left_to_the_user(
    write_study: Callable[..., Path], tmp_path: Path, home: Path
) -> None:
    study = read_study(str(write_study(models={"carn": "carn"})))
    told = r"models\.carn: carn: no weights here; download carn\.pth from https:.* \(or give weights: PATH"
    with pytest.raises(RequestError, match=told) as raised:
        make_plan(study, tmp_path / "out")
    assert not isinstance(raised.value, Incomplete), "nothing could tell whether the right file arrived"
    assert str(home / "checkpoints") in str(raised.value)
