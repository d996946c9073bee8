"""BasicSR's `network_g` blocks without BasicSR: ours are its own to the last bit, and what needs it says so."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

import l2xbench
from l2xbench.errors import RequestError
from l2xbench.system.compat import import_basicsr
from l2xbench.zoo.providers import basicsr as provider
from tests.zoo.test_load import card

BLOCKS: dict[str, dict[str, Any]] = {
    "EDSR": {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_block": 2, "upscale": 3, "res_scale": 0.1},
    "RCAN": {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_group": 2, "num_block": 2, "squeeze_factor": 4},
    "SwinIR": {
        "upscale": 4,
        "img_size": 16,
        "window_size": 8,
        "depths": [2, 2],
        "embed_dim": 24,
        "num_heads": [2, 2],
        "mlp_ratio": 2,
        "upsampler": "pixelshuffledirect",
    },
}


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where BasicSR is not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "basicsr" else real(name, *more)
    )


@pytest.mark.parametrize("kind", BLOCKS)
def test_ours_are_basicsrs_to_the_last_bit(kind: str, with_basicsr: None) -> None:
    """Key names, initial weights and output."""
    import_basicsr("basicsr.archs")
    from basicsr.utils.registry import ARCH_REGISTRY

    networks = []
    for make in (ARCH_REGISTRY.get(kind), getattr(importlib.import_module(provider.OURS[kind]), kind)):
        torch.manual_seed(0)
        networks.append(make(**BLOCKS[kind]).eval())
    theirs, ours = networks
    assert list(theirs.state_dict()) == list(ours.state_dict())
    for a, b in zip(theirs.state_dict().values(), ours.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    x = torch.rand(1, 3, 16, 24)
    with torch.no_grad():
        assert torch.equal(theirs(x), ours(x))
        assert torch.equal(theirs.double()(x.double()), ours.double()(x.double()))


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_block_is_built_without_it(kind: str, tmp_path: Path, absent: None) -> None:
    scale = BLOCKS[kind].get("upscale", 4)
    mine = card(tmp_path, provider="basicsr", arch={"type": kind, **BLOCKS[kind]}, scale=scale)
    net = l2xbench.load_model(mine, weights="random")
    assert net(torch.rand(1, 3, 9, 7)).shape == (1, 3, 9 * scale, 7 * scale)


@pytest.mark.parametrize("name", ["edsr-compact", "rcan-compact", "swinir-compact", "edsr-baseline", "swinir-light"])
def test_bundled_cards_need_none(name: str, absent: None) -> None:
    weights = None if name.endswith("compact") else "random"
    assert l2xbench.load_model(name, weights=weights)(torch.rand(1, 3, 8, 8)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ((3, 12, 1), r"pip install 'l2xbench\[basicsr\]'"),
        ((3, 13, 0), "cannot be built on Python 3.13: take Python 3.12"),
    ],
)
def test_another_block_says_what_it_needs(
    version: tuple[int, int, int], told: str, tmp_path: Path, absent: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider.sys, "version_info", version)
    mine = card(tmp_path, provider="basicsr", arch={"type": "RRDBNet", "num_in_ch": 3, "num_out_ch": 3}, scale=4)
    with pytest.raises(RequestError, match=rf"arch\.type: 'RRDBNet' needs BasicSR's registry, .*{told}"):
        l2xbench.load_model(mine, weights="random")


def test_a_fork_of_basicsr_keeps_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork first on the path may have changed EDSR: silently taking ours would be another network."""
    assert provider.ours("EDSR")
    spec = importlib.util.spec_from_loader("basicsr", None, origin=str(tmp_path / "basicsr/__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: spec)
    assert not provider.ours("EDSR")
