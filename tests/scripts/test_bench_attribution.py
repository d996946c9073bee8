"""The cost table: what it counts, and that it says what a method cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from scripts import bench_attribution as bench
from tests.attribution.small import SharedReLU, small_sr
from tests.tapes import Tape


def test_live_bytes_follow_what_is_held_at_once() -> None:
    x = torch.ones(1000)
    with bench.LiveBytes() as live:
        a = x + 1
        b = x + 2
        assert live.now == 8000
        c = a.view(10, 100)  # no new storage
        a.add_(1)
        assert live.now == 8000
        del a, c
        assert live.now == 4000
        (b * 2).sum()
    assert live.now == 4000
    assert live.peak in (8000, 8004)


def test_live_bytes_see_what_autograd_keeps() -> None:
    x = torch.ones(1000, requires_grad=True)
    with bench.LiveBytes() as live:
        y = x.exp().sin().sum()
        held = live.now
        y.backward()
    assert held == 4004  # the result of exp, which both keep, and the sum; that of sin is gone
    assert live.peak >= held


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    networks: dict[str, type[nn.Module]] = {"plain": small_sr, "shared": SharedReLU}  # type: ignore[dict-item]
    monkeypatch.setattr(bench, "NETWORKS", networks)


def test_the_table(small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    file = tmp_path / "cost.md"
    monkeypatch.setattr(
        "sys.argv", ["bench", "--sizes", "10,12", "--batches", "1,2", "--repeats", "2", "--markdown", str(file)]
    )
    bench.main()
    lines = file.read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")][2:]
    assert {row[0] for row in rows} == {"plain", "shared"}
    by_key = {(row[0], row[1], row[2], row[3]): row for row in rows}
    assert len(by_key) == len(rows) == 2 * (9 + 3 * 6)
    for size, batch in (("10", "1"), ("10", "2"), ("12", "1"), ("12", "2")):
        assert by_key["plain", size, batch, "gradient"][5] == "1.00"
        assert float(by_key["plain", size, batch, "l2x"][8]) < 1e-5
        assert float(by_key["plain", size, batch, "l2x, captured"][8]) < 1e-5
    assert float(by_key["plain", "12", "1", "LAM, 50"][5]) > 10
    assert by_key["shared", "12", "1", "DeepLift (Captum)"][4] == "raises"
    assert any("more than once" in line for line in lines)
    assert "SharedReLU" not in capsys.readouterr().err


def test_a_wrong_name_is_told(small: None, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--networks", "plan"])
    with pytest.raises(SystemExit) as caught:
        bench.main()
    assert caught.value.code == 2
    assert "'plan' is not one of plain, shared" in capsys.readouterr().err


def test_a_replay_is_measured_as_one(small: None, tapes: type[Tape]) -> None:
    network, image = small_sr().eval(), torch.rand(1, 3, 10, 10)
    for method in ("captured", "captured_gradient"):
        bench.METHODS[method](network, image, torch.zeros_like(image), 0)
        before = tapes.replays
        bench.METHODS[method](network, image, torch.zeros_like(image), 0)
        assert tapes.replays == before + 1
    bench.METHODS["l2x"](network, image, torch.zeros_like(image), 0)
    assert tapes.replays == before + 1
    del bench.METHODS["captured_gradient"]._capture  # type: ignore[attr-defined]
    tapes.alive -= 1


@pytest.mark.parametrize("sizes", ["", "48,", "0", "a"])
def test_sizes_are_whole_numbers(sizes: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--sizes", sizes])
    with pytest.raises(SystemExit) as left:
        bench.main()
    assert left.value.code == 2
    assert "--sizes" in capsys.readouterr().err
