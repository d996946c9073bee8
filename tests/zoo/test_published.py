"""A published checkpoint is known by its SHA-256, whatever it is called and however it was given."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import yaml

from l2xbench.errors import RequestError
from l2xbench.zoo import cards
from l2xbench.zoo.load import load_model, locate

ARCH = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": 1}, "scale": 4}


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint that the card `known` says is its authors'."""
    path = tmp_path / "somewhere" / "renamed.pth"
    path.parent.mkdir()
    own = tmp_path / "tiny.yaml"
    own.write_text(yaml.safe_dump(ARCH))
    torch.save(load_model(own, weights="random").core.state_dict(), path)
    folder = tmp_path / "bundled"
    folder.mkdir()
    weights = {"page": "https://x.org", "filename": "x.pth", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    (folder / "known.yaml").write_text(yaml.safe_dump({**ARCH, "title": "Known", "weights": weights}))
    monkeypatch.setattr(cards, "card_folders", lambda: (folder,))
    monkeypatch.setenv("L2XBENCH_HOME", str(tmp_path / "home"))
    return path


def test_it_is_known_however_it_was_given(checkpoint: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({"base": "known", "weights": str(checkpoint)}))
    apart = tmp_path / "apart.yaml"
    apart.write_text(yaml.safe_dump({**ARCH, "weights": str(checkpoint)}))
    ways = [
        locate(mine),
        locate(apart),
        locate(checkpoint),
        locate("known", checkpoint),
        locate("known", keys={"weights": str(checkpoint)}),
    ]
    assert [each.is_published for each in ways] == [True] * 5
    assert not locate("known", "random").is_published
    other = checkpoint.with_name("other.pth")
    other.write_bytes(checkpoint.read_bytes() + b" ")
    assert not locate(apart, other).is_published


def test_weights_that_we_trained_are_nobodys_publication(checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "bundled/known.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "training": {"seed": 0}}))
    assert not locate("known", checkpoint).is_published


def test_a_published_file_alone_is_its_cards_network(checkpoint: Path) -> None:
    found = locate(checkpoint)
    assert (found.card.name, found.card.title, found.weights) == ("known", "Known", checkpoint)
    assert load_model(checkpoint).scale == 4


def test_weights_among_the_keys_start_where_the_user_is(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkpoint.parent)
    assert locate("known", keys={"weights": "renamed.pth"}).weights == Path("renamed.pth")
    assert locate("known", keys={"weights": "random"}).weights is None
    with pytest.raises(RequestError, match=r"^absent\.pth: no such checkpoint file"):
        locate("known", keys={"weights": "absent.pth"})


def test_the_authors_carn_m(shared: Path) -> None:
    found = locate(shared / "checkpoints/carn_m_multiscale.pth")
    assert found.card.name == "carn-m" and found.is_published
    assert load_model(shared / "checkpoints/carn_m_multiscale.pth", scale=2).scale == 2
