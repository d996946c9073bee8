"""Checkpoints: every wrapper is opened, and no file runs code."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from l2xbench.errors import RequestError
from l2xbench.zoo.checkpoints import read_checkpoint
from l2xbench.zoo.fitting import best_fit
from l2xbench.zoo.states import states_in

STATE = {"conv.weight": torch.arange(4.0), "conv.bias": torch.ones(2)}


@pytest.mark.parametrize(
    "wrapped",
    [
        STATE,
        {"params": STATE},
        {"params_ema": STATE, "params": {"conv.weight": torch.zeros(4)}},
        {"state_dict": {f"module.{key}": value for key, value in STATE.items()}, "epoch": 3},
        {"model": {"state_dict": STATE}},
        {f"net_g.module.{key}": value for key, value in STATE.items()},
    ],
)
def test_wrappers_and_prefixes_are_removed(tmp_path: Path, wrapped: dict) -> None:
    path = tmp_path / "x.pth"
    torch.save(wrapped, path)
    net = nn.ParameterDict({key.replace(".", "/"): torch.zeros_like(value) for key, value in STATE.items()})
    net.state_dict = lambda: STATE  # type: ignore[method-assign]
    net.named_parameters = lambda remove_duplicate=True: iter(())  # type: ignore[method-assign]
    found = best_fit(net, states_in(read_checkpoint(path), "x.pth"), dict, "x.pth").native
    assert STATE.keys() <= found.keys()
    assert all(torch.equal(found[key], STATE[key]) for key in STATE)


def test_safetensors_and_old_pickles(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "x.safetensors")
    torch.save(STATE, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("x.safetensors", "old.pt"):
        assert read_checkpoint(tmp_path / name).keys() == STATE.keys()


class _Command:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return (os.system, (f"touch {self.marker}",))


@pytest.mark.parametrize("new_format", [True, False])
def test_a_file_that_would_run_code_is_refused_and_named(tmp_path: Path, new_format: bool) -> None:
    marker = tmp_path / "ran"
    path = tmp_path / "evil.pth"
    torch.save({"a": _Command(marker)}, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(RequestError, match=r"evil\.pth: refused: unpickling it would run code \(.*system"):
        read_checkpoint(path)
    assert not marker.exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_bare_pickle_that_would_run_code_is_refused_and_named(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "ran"
    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps({"weight": 1, "b": _Command(marker)}, protocol=protocol))
    with pytest.raises(RequestError, match=r"evil\.pt: refused: unpickling it would run code \((posix|nt)\.system\)"):
        read_checkpoint(path)
    assert not marker.exists()


def _truncated(folder: Path) -> Path:
    torch.save(STATE, folder / "cut.pth")
    data = (folder / "cut.pth").read_bytes()
    (folder / "cut.pth").write_bytes(data[: len(data) // 2])
    return folder / "cut.pth"


def _bomb(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", bytes(50_000_000))
    return folder / "bomb.pth"


def _lying_bomb(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "lie.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lie/data.pkl", bytes(50_000_000))
        archive.writestr("lie/version", b"3")
    data = (folder / "lie.pth").read_bytes()
    (folder / "lie.pth").write_bytes(data.replace((50_000_000).to_bytes(4, "little"), (5000).to_bytes(4, "little")))
    return folder / "lie.pth"


def _cut_name(folder: Path) -> Path:
    torch.save(STATE, folder / "cut.pth", _use_new_zipfile_serialization=False)
    data = (folder / "cut.pth").read_bytes()
    (folder / "cut.pth").write_bytes(data[: data.index(b"_rebuild_tensor_v2\n") + 6] + b"\n.")
    return folder / "cut.pth"


def _script(folder: Path) -> Path:
    torch.jit.save(torch.jit.script(nn.ReLU()), folder / "script.pt")
    return folder / "script.pt"


def _text(name: str, content: bytes):
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def _saved(name: str, content: object):
    def make(folder: Path) -> Path:
        torch.save(content, folder / name)
        return folder / name

    return make


BAD = {
    "truncated": (_truncated, "truncated|damaged"),
    "zip bomb": (_bomb, "zip bomb"),
    "zip bomb that hides its size": (_lying_bomb, "not a checkpoint|damaged"),
    "one number 10 000 000 000 times": (
        _saved("w.pth", {"w": torch.zeros(1).expand(100_000, 100_000)}),
        "refused: .* bytes that hold tensors of 40,000,000,000",
    ),
    "damaged within a name": (_cut_name, "truncated or damaged"),
    "a whole network": (_saved("net.pth", nn.Conv2d(3, 3, 3)), r"would run code \(torch\.nn\.modules\.conv\.Conv2d\)"),
    "TorchScript": (_script, "TorchScript program"),
    "empty": (_text("empty.pth", b""), "empty"),
    "a web page": (_text("page.pth", b"\n<html>404</html>"), "a web page, not a checkpoint"),
    "not a checkpoint": (_text("text.pth", b"not found"), "not a checkpoint"),
    "broken safetensors": (_text("x.safetensors", b"\x10\0\0\0\0\0\0\0{broken"), "not a whole safetensors"),
    "huge safetensors header": (_text("y.safetensors", b"\xff" * 16), "not a whole safetensors"),
    "another suffix": (_text("x.zip", b"PK"), "not a checkpoint's suffix"),
    "a number": (_saved("n.pth", 3), "holds a int"),
    "no tensors": (_saved("s.pth", {"state_dict": {"epoch": 3}}), "no tensors in it"),
    "absent": (lambda folder: folder / "absent.pth", "no such checkpoint"),
    "a folder": (lambda folder: folder, "folder"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    make, expected = BAD[name]
    path = make(tmp_path)
    with pytest.raises(RequestError, match=expected) as raised:
        read_checkpoint(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_safetensors_file_by_another_name(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "x.safetensors")
    (tmp_path / "x.safetensors").rename(tmp_path / "x.pth")
    assert read_checkpoint(tmp_path / "x.pth").keys() == STATE.keys()
