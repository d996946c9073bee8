"""A run that is killed, starved of disk, doubled or damaged loses nothing and makes no wrong table."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from l2xbench.data.images import read_image
from l2xbench.store.store import Store
from tests.conftest import Command
from tests.processes import Program, start

TINY = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": 1}, "weights": "random"}
OTHER = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 6, "n_blocks": 1}, "weights": "random"}
BLOCKS = {
    "models": {"a": TINY, "b": OTHER},
    "attribution": {"methods": ["l2x", "gradient"]},
    "ablation": {"ratios": [0.1, 0.3], "random_orders": 2},
    "similarity": {"size": 8, "crops": 3, "permutations": 19, "bootstrap": 20},
    "heatmaps": None,
}
UNITS = 3 + 3 + 2 * 3 * (1 + 3 + 4 + 1)
"""Inputs, bicubic, and for each network and image: SR, three maps, four orders, the crops of CKA."""

Run = Callable[..., Program]


@pytest.fixture
def run(tmp_path: Path, write_study: Callable[..., Path]) -> Iterator[Run]:
    """Starts a run of the study with a process of its own."""
    study = write_study(**BLOCKS)
    started: list[Program] = []

    def begin(out: Path, *more: object, **options: object) -> Program:
        started.append(start(tmp_path / f"output-{len(started)}", "run", study, "--out", out, *more, **options))
        return started[-1]

    yield begin
    for program in started:
        if program.process.is_alive():
            program.kill()


def tables(out: Path) -> dict[str, str]:
    """Every table as it is on disk; of those with measured seconds, all but these."""
    found = {path.name: path.read_text() for path in (out / "tables").iterdir()}
    for path in (out / "tables").glob("*.csv"):
        table = pd.read_csv(path)
        measured = [name for name in table if name.endswith("seconds")]
        if measured:
            found[path.name] = table.drop(columns=measured).to_csv()
            del found[f"{path.stem}.md"], found[f"{path.stem}.tex"]
    return found


def kept(out: Path) -> dict[tuple[str, ...], dict]:
    """The records on disk. Their seconds are measured, so that a unit that is done again is another record."""
    if Store(out).read_plan() is None:
        return {}
    return {(r.study, r.dataset, r.model, r.label, r.image): dict(r.values) for r in Store(out).records()}


def leftovers(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if path.name.startswith((".gram", ".probe")) or path.suffix == ".partial"]


def killed_and_resumed(tmp_path: Path, run: Run, kills: int, step: int) -> None:
    """Kills a run when up to `step` units more than before are done, or among its tables; resumes; compares."""
    undisturbed = tmp_path / "undisturbed"
    program = run(undisturbed)
    assert program.wait(240) == 0, program.output
    assert len(kept(undisturbed)) == UNITS

    out = tmp_path / "out"
    moments = random.Random(kills)
    before: dict[tuple[str, ...], dict] = {}
    while kills:
        wanted = len(before) + moments.randint(0, step)
        program = run(out)
        if wanted < UNITS:
            program.wait_until(lambda out=out, least=wanted: len(kept(out)) >= least)
        else:
            program.wait_until(lambda out=out: (out / "tables").exists())
        program.process.join(moments.uniform(0, 0.05))  # within a write, now and then
        kills -= program.process.is_alive()
        program.kill()
        now = kept(out)
        assert before.items() <= now.items(), "what was finished is there, and was not done again"
        before = now
        if program.process.exitcode == 0:  # it was quicker: begin anew
            assert tables(out) == tables(undisturbed)
            out, before = out.with_name(out.name + "-"), {}
    program = run(out)
    assert program.wait(240) == 0, program.output
    after = kept(out)
    assert before.items() <= after.items()
    assert len(after) == UNITS
    assert f"{UNITS - len(before)} units computed" in program.output
    assert tables(out) == tables(undisturbed)
    assert not leftovers(out)


@pytest.mark.slow
def test_a_run_killed_twice_ends_with_the_same_tables(tmp_path: Path, run: Run) -> None:
    killed_and_resumed(tmp_path, run, 2, UNITS)


@pytest.mark.slow
def test_a_run_killed_twenty_times_ends_with_the_same_tables(tmp_path: Path, run: Run) -> None:
    killed_and_resumed(tmp_path, run, 20, UNITS // 8)


def test_two_runs_at_once_and_a_lock_of_a_dead_one(
    tmp_path: Path, run: Run, l2xbench: Command, write_study: Callable[..., Path]
) -> None:
    out = tmp_path / "out"
    first = run(out)
    first.wait_until(lambda: kept(out))
    second = l2xbench("run", write_study(**BLOCKS), "--out", out)
    assert first.process.is_alive(), first.output
    assert second.returncode == 2
    assert f"{out}: another run is at work here: process {first.process.pid} on " in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    seen = l2xbench("run", write_study(**BLOCKS), "--out", out, "--status")
    assert f"running: process {first.process.pid} on " in seen.stdout
    first.kill()
    seen = l2xbench("run", write_study(**BLOCKS), "--out", out, "--status")
    assert "running" not in seen.stdout
    done = len(kept(out))
    assert f"{done} done, 0 failed, {UNITS - done} left" in seen.stdout
    assert l2xbench("run", write_study(**BLOCKS), "--out", out).returncode == 0


SMALL_DISK = 200
"""KiB: enough for some of the units."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that fills up."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SMALL_DISK}k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(["mount", *options], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("mounting a small file system needs `mount`")
    if done.returncode:
        pytest.skip(f"mounting a small file system is not allowed here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path, l2xbench: Command, write_study: Callable[..., Path]
) -> None:
    study = write_study(**BLOCKS)
    out = small_disk / "out"
    stopped = l2xbench("run", study, "--out", out)
    assert stopped.returncode == 2, stopped.stderr
    assert len(stopped.stderr.strip().splitlines()) == 1
    assert "cannot be written (No space left on device); what was finished is kept" in stopped.stderr
    before = kept(out)
    assert 0 < len(before) < UNITS
    again = l2xbench("run", study, "--out", out)
    assert (again.returncode, before.items() <= kept(out).items()) == (2, True)
    before = kept(out)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    done = l2xbench("run", study, "--out", out)
    assert done.returncode == 0, done.stderr
    assert f"{UNITS - len(before)} units computed" in done.stdout
    assert before.items() <= kept(out).items()
    assert not leftovers(out)
    assert l2xbench("run", study, "--out", tmp_path / "other").returncode == 0
    assert tables(out) == tables(tmp_path / "other")


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)


@pytest.mark.slow
def test_what_is_damaged_is_found_told_and_done_again(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path]
) -> None:
    study = write_study(**{**BLOCKS, "heatmaps": {}})
    out = tmp_path / "out"
    assert l2xbench("run", study, "--out", out).returncode == 0
    whole = tables(out)
    journals = sorted((out / "records").rglob("*.journal"))
    random.Random(0).shuffle(journals)
    for number, journal in enumerate(journals):
        flip(journal, random.Random(number).randrange(10, journal.stat().st_size - 1))
    done = l2xbench("run", study, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "restoration photographs a: a damaged line of records; done again" in done.stdout
    assert tables(out) == whole

    # the size is right, the content is not: found when it is read, for a figure or by what starts from it
    maps = out / "attributions/photographs/a/photo1.npz"
    flip(maps, maps.stat().st_size // 2)
    (out / "figures/heatmap-photographs-photo1.png").unlink()
    crops = out / "similarity/photographs/b/photo0.npz"
    flip(crops, crops.stat().st_size // 2)
    for made in (out / "records/cka").rglob("*.journal"):
        made.unlink()
    (out / "sr/photographs/b/photo2.png").unlink()
    done = l2xbench("run", study, "--out", out)
    assert done.returncode == 0, done.stderr
    assert f"{maps}: is damaged" in done.stdout
    assert f"{crops}: is damaged" in done.stdout
    assert tables(out) == whole
    assert (out / "figures/heatmap-photographs-photo1.png").is_file()
    assert (out / "sr/photographs/b/photo2.png").is_file()
    assert "0 units computed" in l2xbench("run", study, "--out", out).stdout


RAISES = """
import torch
class Net(torch.nn.Module):
    scale = 4
    def forward(self, x):
        if open({file!r}).read() == "raise":
            raise RuntimeError("not today")
        return torch.nn.functional.interpolate(x, scale_factor=4)
"""


def test_what_failed_is_told_again_and_tried_again_when_asked(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path]
) -> None:
    mood = tmp_path / "mood"
    mood.write_text("raise")
    (tmp_path / "net.py").write_text(RAISES.format(file=str(mood)))
    moody = {"provider": "module", "module": "./net.py:Net"}
    study = write_study(trust=True, models={"moody": moody}, heatmaps=None)
    out = tmp_path / "out"
    first = l2xbench("run", study, "--out", out)
    assert (first.returncode, "6 units computed, 6 failed" in first.stdout) == (1, True)
    failures = (out / "tables/failures.csv").read_text()

    mood.write_text("smile")
    again = l2xbench("run", study, "--out", out)
    assert again.returncode == 1
    assert "6 failed before and were not tried again; --retry-failed does" in again.stdout
    assert (out / "tables/failures.csv").read_text() == failures
    seen = l2xbench("run", study, "--out", out, "--status").stdout
    assert "6 done, 6 failed, 0 left; --retry-failed" in seen
    assert "failed restoration moody photographs photo0: RuntimeError: not today" in seen

    retried = l2xbench("run", study, "--out", out, "--retry-failed")
    assert (retried.returncode, "6 units computed, 6 found done" in retried.stdout) == (0, True)
    assert len(pd.read_csv(out / "tables/failures.csv")) == 0

    before = kept(out)
    fresh = l2xbench("run", study, "--out", out, "--fresh")
    assert (fresh.returncode, "12 units computed\n" in fresh.stdout) == (0, True)
    assert before.keys() == kept(out).keys()


def test_status_before_any_run_and_of_a_changed_study(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path]
) -> None:
    out = tmp_path / "out"
    assert "nothing has been planned here yet" in l2xbench("run", write_study(), "--status", "--out", out).stdout
    assert not out.exists()
    l2xbench("run", write_study(heatmaps=None), "--out", out)
    seen = l2xbench("run", write_study(), "--status", "--out", out, "--set", "attribution.reference=mean")
    assert "the study has changed since its last run" in seen.stdout
    assert "12 done, 0 failed, 0 left" in seen.stdout


def test_an_image_is_read_again_only_if_its_file_has_changed(
    tmp_path: Path, l2xbench: Command, photographs: Path, write_study: Callable[..., Path], monkeypatch
) -> None:
    study, out = write_study(heatmaps=None), tmp_path / "out"
    l2xbench("run", study, "--out", out)
    (photographs / "photo1.png").write_bytes((photographs / "photo0.png").read_bytes())
    read: list[str] = []
    monkeypatch.setattr(
        "l2xbench.data.pairs.read_image",
        lambda path, original=read_image: (read.append(path.name), original(path))[1],
    )
    done = l2xbench("run", study, "--out", out)
    assert "4 units computed, 8 found done" in done.stdout, done.stdout
    assert set(read) == {"photo1.png"}
