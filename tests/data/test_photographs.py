"""The photographs of scikit-image: found in the package, read without a network."""

from __future__ import annotations

import importlib.util
import socket
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from l2xbench.data.datasets import open_dataset
from l2xbench.errors import RequestError


def test_all_are_there_and_load_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*args: object, **options: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", no_network)
    dataset = open_dataset("photographs", "skimage", 4)
    names = [pair.name for pair in dataset.pairs]
    assert names == ["astronaut", "chelsea", "coffee", "hubble_deep_field", "motorcycle_left", "rocket"]
    assert dataset.note == "LR made by bicubic"
    for pair in dataset.pairs:
        loaded = pair.load(4, crop=24)
        assert loaded.lr.shape == (24, 24, 3)
        assert loaded.hr is not None
        assert loaded.hr.shape == (96, 96, 3)
        assert loaded.hr.std() > 10


def test_some_of_them() -> None:
    assert [p.name for p in open_dataset("demo", "skimage", 4, images=["coffee", "rocket.jpg"]).pairs] == [
        "coffee",
        "rocket",
    ]
    with pytest.raises(RequestError, match="did you mean 'chelsea'"):
        open_dataset("demo", "skimage", 4, images=["chelsae"])


def test_a_package_without_them_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModuleSpec("skimage", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(RequestError, match="came without its photographs"):
        open_dataset("demo", "skimage", 4)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match="scikit-image, which is not installed"):
        open_dataset("demo", "skimage", 4)
