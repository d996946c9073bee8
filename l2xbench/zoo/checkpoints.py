"""Checkpoint files into state dicts, running no code of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from l2xbench.errors import RequestError
from l2xbench.zoo.unpickling import one_line, read_pickle

SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".safetensors")
WRAPPERS = (
    "params_ema",
    "params",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "netG",
    "generator",
    "network",
)
"""Under which key training code keeps the weights; the first that is there is taken."""
PREFIXES = ("module.", "net_g.", "netG.", "_orig_mod.")
"""What DataParallel, BasicSR and torch.compile put before every key."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The state dict in a `.pth`, `.pt`, `.ckpt`, `.bin` or `.safetensors` file, wrappers and prefixes removed.

    Raises:
        RequestError: the file is missing, truncated, not a checkpoint, or would run code if it were unpickled.
    """
    require_file(path)
    # by what is in it: people rename safetensors files to .pth
    data = _read_safetensors(path) if _is_safetensors(path) else read_pickle(path)
    state_dict = unwrap(data, source=str(path))
    _refuse_inflated(state_dict, path)
    return state_dict


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
    if path.suffix.lower() == ".safetensors":
        return True
    try:
        with path.open("rb") as file:
            start = file.read(9)  # the header's length in 8 bytes, then the header, which is JSON
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror})") from None
    if start.lstrip()[:1] == b"<":
        raise RequestError(f"{path}: a web page, not a checkpoint; download it again")
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise RequestError(f"{path}: not a whole safetensors file ({one_line(error)})") from None


def _refuse_inflated(state_dict: Mapping[str, Tensor], path: Path) -> None:
    """A tensor that repeats a few numbers by stride 0 unpacks to any size when it is copied."""
    declared = sum(tensor.numel() * tensor.element_size() for tensor in state_dict.values())
    size = path.stat().st_size
    if declared > 4 * size + 2**26:
        raise RequestError(f"{path}: refused: {size:,} bytes that hold tensors of {declared:,} (a bomb?)")


def unwrap(data: Any, source: str) -> dict[str, Tensor]:
    """The state dict inside what training code saved: `params_ema`, `params`, `state_dict`, `module.` and the like."""
    wrapper = ""
    for _ in range(3):
        inner = next(
            (key for key in WRAPPERS if isinstance(data, Mapping) and isinstance(data.get(key), Mapping)),
            None,
        )
        if inner is None:
            break
        wrapper += f"{inner}."
        data = data[inner]
    if not isinstance(data, Mapping):
        raise RequestError(f"{source}: holds a {type(data).__name__}, not a state dict (key -> tensor)")
    tensors = {str(key): value for key, value in data.items() if isinstance(value, Tensor)}
    if not tensors:
        keys = ", ".join(map(str, list(data)[:5])) or "nothing"
        raise RequestError(
            f"{source}: no tensors under '{wrapper or 'the top level'}' (found: {keys}); "
            f"a state dict is needed, bare or under one of {', '.join(WRAPPERS)}"
        )
    for prefix in PREFIXES * 2:  # twice: `module.net_g.` and `net_g.module.` both occur
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key[len(prefix) :]: value for key, value in tensors.items()}
    return tensors
