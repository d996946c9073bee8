"""Checkpoint files into state dicts, running no code of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from l2xbench.errors import RequestError
from l2xbench.zoo.states import StateDict, states_in
from l2xbench.zoo.unpickling import one_line, read_pickle

SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".tar")


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """What a checkpoint file holds: a state dict, or several under names of their own; see `states.states_in`.

    Raises:
        RequestError: the file is missing, truncated, not a checkpoint, or would run code if it were unpickled.
    """
    require_file(path)
    # by what is in it: people rename safetensors files to .pth
    data = _read_safetensors(path) if _is_safetensors(path) else read_pickle(path)
    _refuse_inflated(states_in(data, str(path)), path)
    assert isinstance(data, Mapping)
    return data


def require_file(path: Path) -> None:
    """Raises a RequestError unless `path` is a file that could be a checkpoint."""
    if path.is_dir():
        raise RequestError(f"{path}: this is a folder; a checkpoint file ({', '.join(SUFFIXES)}) is needed")
    if not path.is_file():
        raise RequestError(f"{path}: no such checkpoint file")
    if path.suffix.lower() not in SUFFIXES:
        raise RequestError(f"{path}: '{path.suffix}' is not a checkpoint's suffix; known: {', '.join(SUFFIXES)}")
    if path.stat().st_size == 0:
        raise RequestError(f"{path}: the file is empty")


def _is_safetensors(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(9)  # the header's length in 8 bytes, then the header, which is JSON
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror})") from None
    if start.lstrip()[:1] == b"<":
        raise RequestError(f"{path}: a web page, not a checkpoint; download it again")
    if start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return True
    return path.suffix.lower() == ".safetensors" and not start.startswith((b"PK", b"\x80"))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise RequestError(f"{path}: not a whole safetensors file ({one_line(error)})") from None


def _refuse_inflated(states: Iterable[StateDict], path: Path) -> None:
    """A tensor that repeats a few numbers by stride 0 unpacks to any size when it is copied."""
    tensors = [tensor for state in states for tensor in state.tensors.values()]
    declared = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    size = path.stat().st_size
    if declared > 4 * size + 2**26:
        raise RequestError(f"{path}: refused: {size:,} bytes that hold tensors of {declared:,} (a bomb?)")
