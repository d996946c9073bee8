"""`l2xbench doctor` says what is there and what is not."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from l2xbench.commands import doctor
from l2xbench.errors import RequestError
from l2xbench.system import torch_parts
from tests.conftest import Command


def test_all_is_there(l2xbench: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("L2XBENCH_HOME", str(tmp_path / "not/yet"))
    done = l2xbench("doctor")
    assert done.returncode == 0, done.stdout
    for name in ("torch", "spandrel", "private parts", "cores", "DejaVu Sans", "cards in", str(tmp_path / "not/yet")):
        assert name in done.stdout
    assert metadata.version("torch") in done.stdout and "all that a study needs is there" in done.stdout


def test_what_is_missing_is_told_with_what_to_do(l2xbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    real = metadata.version

    def version(name: str) -> str:
        if name in ("ray", "spandrel"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    done = l2xbench("doctor")
    assert done.returncode == 1
    assert "missing: spandrel" in done.stdout and "pip install 'l2xbench[ray]'" in done.stdout


def test_a_cache_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("L2XBENCH_HOME", str(tmp_path / "file/home"))
    (found,) = (each for each in doctor.examine() if each.name == "cache folder")
    assert not found.there and "set L2XBENCH_HOME" in found.found


def test_a_pytorch_without_a_private_part_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert torch_parts.missing_parts() == []
    monkeypatch.setitem(torch_parts.PARTS, "no_such_part", "torch._C")
    monkeypatch.setitem(torch_parts.PARTS, "other", "torch.no_such_module")
    assert torch_parts.missing_parts() == ["torch._C.no_such_part", "torch.no_such_module.other"]
    with pytest.raises(RequestError, match=r"has no torch._C.no_such_part, which exact maps need; tested are 2\."):
        torch_parts.require_parts()
