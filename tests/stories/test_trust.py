"""Python that a card names is run by nobody who has not said that it may be: not even to tell what the network is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.zoo.load import locate
from tests.conftest import Command
from tests.zoo.test_load import card

RUNS = """
import pathlib
pathlib.Path(__file__).with_name("it_ran").touch()
import torch
class Net(torch.nn.Module):
    scale = 4
    def forward(self, x):
        return torch.nn.functional.interpolate(x, scale_factor=4)
"""
UNTRUSTED: dict[str, list[str]] = {
    "run": ["run", "study.yaml"],
    "dry run": ["run", "study.yaml", "--dry-run"],
    "status": ["run", "study.yaml", "--status"],
    "cka": ["cka", "study.yaml"],
    "check": ["check", "./net.py:Net"],
    "check of a card": ["check", "card.yaml"],
    "explain": ["explain", "photographs/photo0.png", "--models", "card.yaml"],
    "explore": ["explore", "photographs/photo0.png", "--models", "card.yaml", "--no-browser", "--port", "0"],
    "explore a study": ["explore", "--study", "study.yaml", "--no-browser", "--port", "0"],
    "lam": ["lam", "photographs/photo0.png", "--models", "card.yaml", "--window", "0,0,8"],
    "erf": ["erf", "photographs", "--models", "card.yaml", "--size", "8"],
    "models": ["models", "card.yaml"],
}


@pytest.mark.parametrize("command", UNTRUSTED)
def test_code_that_nobody_trusts_is_not_run(
    command: str,
    tmp_path: Path,
    write_study: Callable[..., Path],
    l2xbench: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "net.py").write_text(RUNS)
    (tmp_path / "card.yaml").write_text("{provider: module, module: './net.py:Net', scale: 4}")
    write_study(models={"net": {"card": "./card.yaml"}}).rename(tmp_path / "study.yaml")
    monkeypatch.chdir(tmp_path)
    done = l2xbench(*UNTRUSTED[command])
    assert done.returncode == (0 if command in ("models", "status") else 2), done
    assert not (tmp_path / "it_ran").exists()


def test_not_even_to_tell_which_network_it_is(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(RUNS)
    source = locate(card(tmp_path, provider="module", module="net.py:Net"))
    with pytest.raises(RequestError, match="trust"):
        source.identity()
    assert not (tmp_path / "it_ran").exists()
    source.identity(trust=True)
    assert (tmp_path / "it_ran").exists()
