"""`l2xbench explore` before its page opens: what is wrong is told in one line, and what is chosen is found."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from tests.conftest import Command


def test_without_the_extra_one_line_says_how_to_get_it(l2xbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from l2xbench.cli import explore

    def absent(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(explore, "find_spec", absent)
    done = l2xbench("explore")
    assert done.returncode == 2
    assert done.stderr == "l2xbench: explore: the page needs an extra: pip install 'l2xbench[explore]'\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none.png"], "none.png: no such file"),
        (["{study}"], "is not an image"),
        (["--models", "edsrr"], "did you mean"),
        (["--models", "./none.pth"], "none.pth"),
        (["--models", ","], "--models"),
        (["--study", "demoo"], "did you mean 'demo'"),
        (["--study", "{study}", "--models", "tinny"], "did you mean 'tiny'"),
        (["--study", "{wrong}"], "attribution.reference"),
        (["--study", "{half}"], "models.edsr: the card is for scale 4"),
        (["--device", "gpu"], "device: 'gpu'"),
        (["--port", "70000"], "--port"),
        (["--host", "203.0.113.1"], "--host 203.0.113.1: is not an address of this machine"),
        (["--crop", "2"], "--crop"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(
    l2xbench: Command,
    tmp_path: Path,
    write_study: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    expected: str,
) -> None:
    pytest.importorskip("nicegui", reason="needs the extra: pip install -e '.[explore]'")
    monkeypatch.chdir(tmp_path)
    studies = {}
    for name, blocks in (
        ("wrong", {"attribution": {"reference": "blurr"}}),
        ("half", {"scale": 2, "models": {"edsr": "edsr-compact"}}),
        ("study", {}),
    ):
        studies[name] = write_study(**blocks).rename(tmp_path / f"{name}.yaml")
    given = [argument.format(**studies) for argument in arguments]
    port = [] if "--port" in arguments or "--host" in arguments else ["--port", "0"]
    done = l2xbench("explore", *given, *port)
    assert done.returncode == 2, done.stdout + done.stderr
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_networks_of_two_scales_cannot_share_a_page(l2xbench: Command, tmp_path: Path) -> None:
    pytest.importorskip("nicegui", reason="needs the extra: pip install -e '.[explore]'")
    card = tmp_path / "double.yaml"
    card.write_text("{provider: l2xbench, arch: {type: Bicubic, scale: 2}, scale: 2, parameters: 0}")
    done = l2xbench("explore", "--models", f"edsr-compact,{card}", "--port", "0")
    assert done.returncode == 2
    assert "double is for scale 2, edsr-compact for scale 4" in done.stderr


def test_a_tab_begins_as_the_study_says(write_study: Callable[..., Path]) -> None:
    pytest.importorskip("nicegui", reason="needs the extra: pip install -e '.[explore]'")
    from l2xbench.commands.explore import _first
    from l2xbench.studies.reading import read_study

    attribution = {"methods": ["lam", "l2x"], "reference": "blur:alpha=2", "options": {"lam": {"steps": 5}}}
    heatmaps = {"palette": "blue-orange"}
    study = read_study(str(write_study(attribution=attribution, heatmaps=heatmaps)))
    first = _first(study, 4, ["tiny"], None)
    assert (first.method, first.options, first.reference, first.variance) == ("lam", {"steps": 5}, "blur", 2.0)
    assert (first.palette, first.side, first.networks) == ("blue-orange", 96, ["tiny"])
    assert _first(None, 4, ["tiny"], 48).side == 48


def test_the_program_ends_while_a_network_is_at_work() -> None:
    """A pass of a large network may take minutes, and no thread of Python's can be interrupted."""
    pytest.importorskip("nicegui", reason="needs the extra: pip install -e '.[explore]'")
    program = """
import threading, time
from contextlib import closing
from types import SimpleNamespace
from l2xbench.commands.explore import leave
from l2xbench.explore.workbench import Workbench
begun = threading.Event()
def work():
    begun.set()
    time.sleep(600)
with closing(Workbench({"a": SimpleNamespace(scale=4)})) as bench:
    bench.submit(work)
    queued = bench.submit(work)
    begun.wait()
print("closing", flush=True)
leave(bench)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "closing\n"
        assert process.wait(timeout=10) == 0


def test_a_network_that_cannot_be_built_is_told_and_left_out(
    write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nicegui", reason="needs the extra: pip install -e '.[explore]'")
    import torch
    from rich.console import Console

    from l2xbench.commands.explore import _load, _sources
    from l2xbench.errors import RequestError
    from l2xbench.studies.reading import read_study
    from tests.stories.test_survival import TINY

    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    bad = {name: {**TINY, "scale": 4, "weights": f"./{name}.pth"} for name in ("none", "other")}
    console = Console(width=200)

    def loaded(models: dict[str, object]) -> list[str]:
        study = read_study(str(write_study(models=models)))
        return list(_load(_sources(study, console), console, torch.device("cpu"), trust=False))

    assert loaded({**bad, "tiny": TINY}) == ["tiny"]
    told = capsys.readouterr().out
    assert "failed none: " in told and "failed other: " in told
    for name, entry in bad.items():
        with pytest.raises(RequestError, match=name):
            loaded({name: entry})
