"""Checkpoint files into state dicts, running no code of theirs, and state dicts into networks."""

from __future__ import annotations

import hashlib
import pickle
import pickletools
import re
import sys
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from l2xbench.errors import RequestError
from l2xbench.zoo.dialects import is_constant

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
MAX_BYTES = 16 * 2**30
"""A checkpoint that unpacks to more than this is refused."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The state dict in a `.pth`, `.pt`, `.ckpt`, `.bin` or `.safetensors` file, wrappers and prefixes removed.

    Raises:
        RequestError: the file is missing, truncated, not a checkpoint, or would run code if it were unpickled.
    """
    require_file(path)
    # by what is in it: people rename safetensors files to .pth
    data = _read_safetensors(path) if _is_safetensors(path) else _read_pickle(path)
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
        raise RequestError(f"{path}: not a whole safetensors file ({_one_line(error)})") from None


def _read_pickle(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        _refuse_bombs_and_programs(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on old pickles torch warns of what weights_only already refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RequestError(f"{path}: {_why_not(path, str(error))}") from None
    except MemoryError:
        raise RequestError(f"{path}: refused: it declares more data than memory can hold") from None
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        raise RequestError(f"{path}: truncated or not a checkpoint ({_one_line(error)})") from None


def _why_not(path: Path, reason: str) -> str:
    """Why a pickle was not read: the code that it names, or what torch's restricted unpickler says."""
    refused = re.findall(r"(?:GLOBAL|global|function|class)\s+`?([\w.]+\.[\w.]+)`?", reason)
    names = refused or [name for name in _named_code(path) if not name.startswith(("torch.", "collections."))]
    if names and all(_is_cut_short(name) for name in names):
        return "truncated or damaged"
    if names:
        return (
            f"refused: unpickling it would run code ({', '.join(dict.fromkeys(names))}); "
            "ask its author for a plain state dict or a .safetensors file"
        )
    # torch's message begins with advice on weights_only=False, which nobody should follow
    said = reason.rpartition("WeightsUnpickler error:")[2].partition("Check the documentation")[0]
    return f"not a checkpoint that can be read safely ({_one_line(said)})"


def _named_code(path: Path) -> list[str]:
    """The functions and classes that a pickle would call, read off its opcodes; nothing is run."""
    names: list[str] = []
    recent: list[str] = []  # the last two texts: what STACK_GLOBAL takes
    memo: dict[Any, str] = {}
    last = ""
    try:
        for opcode, argument, _ in pickletools.genops(_pickled(path)):
            if opcode.name == "GLOBAL":
                names.append(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL" and len(recent) > 1:
                names.append(f"{recent[-2]}.{recent[-1]}")
            elif "UNICODE" in opcode.name or opcode.name in ("GET", "BINGET", "LONG_BINGET"):
                last = str(argument) if "UNICODE" in opcode.name else memo.get(argument, "")
                recent = [*recent[-1:], last]
            elif opcode.name == "MEMOIZE":
                memo[len(memo)] = last
            elif "PUT" in opcode.name:
                memo[argument] = last
    except Exception:  # damaged files raise anything; what was named before that counts
        pass
    return names


def _pickled(path: Path) -> bytes:
    """The beginning of a file's pickle."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            inside = [entry for entry in archive.infolist() if entry.filename.endswith("data.pkl")]
            if not inside:
                return b""
            with archive.open(inside[0]) as file:
                return file.read(2**20)
    with path.open("rb") as file:
        return file.read(2**20)


def _is_cut_short(name: str) -> bool:
    """Whether a name is a piece of one: of a module that is loaded, but not in it."""
    module, _, attribute = name.rpartition(".")
    return module in sys.modules and not hasattr(sys.modules[module], attribute)


def _refuse_inflated(state_dict: Mapping[str, Tensor], path: Path) -> None:
    """A tensor that repeats a few numbers by stride 0 unpacks to any size when it is copied."""
    declared = sum(tensor.numel() * tensor.element_size() for tensor in state_dict.values())
    size = path.stat().st_size
    if declared > 4 * size + 2**26:
        raise RequestError(f"{path}: refused: {size:,} bytes that hold tensors of {declared:,} (a bomb?)")


def _refuse_bombs_and_programs(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise RequestError(f"{path}: truncated or damaged ({_one_line(error)})") from None
    # torch stores tensors uncompressed, so an archive that unpacks to more than it is was not written by torch.save
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_BYTES or unpacked > 2 * path.stat().st_size + 2**20:
        raise RequestError(f"{path}: refused: {path.stat().st_size:,} bytes that unpack to {unpacked:,} (a zip bomb?)")
    if any("/code/" in entry.filename or entry.filename.endswith("constants.pkl") for entry in entries):
        raise RequestError(
            f"{path}: refused: a TorchScript program, not a state dict; "
            "save the network's state_dict() as .safetensors or .pth"
        )


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


def load_strictly(network: nn.Module, state_dict: Mapping[str, Tensor], *, source: str, what: str) -> None:
    """Copies `state_dict` into `network`; every key must fit, and only constants may be missing.

    Args:
        network: the architecture, as built.
        state_dict: key -> tensor.
        source: the file, for the error.
        what: the network in words, for the error.

    Raises:
        RequestError: keys missing or unexpected, listed by prefix, shapes that differ, and the likely cause; numbers
            that no network can be made of.
    """
    own = network.state_dict()
    for key, tensor in state_dict.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
            raise RequestError(f"{source}: {key} is sparse, quantized or complex; plain numbers are needed")
        if tensor.is_floating_point() and torch.isnan(tensor).any():
            raise RequestError(f"{source}: {key} holds NaN: the training diverged, or the file is damaged")
    missing = [key for key in own if key not in state_dict and not is_constant(key)]
    unexpected = [key for key in state_dict if key not in own]
    shapes = {
        key: (tuple(state_dict[key].shape), tuple(own[key].shape))
        for key in own
        if key in state_dict and state_dict[key].shape != own[key].shape
    }
    if not (missing or unexpected or shapes):
        network.load_state_dict({**own, **state_dict})
        return
    parts = []
    if missing:
        parts.append(f"missing {_by_prefix(missing)}")
    if unexpected:
        parts.append(f"unexpected {_by_prefix(unexpected)}")
    if shapes:
        key, (found, needed) = next(iter(shapes.items()))
        parts.append(f"{len(shapes)} of another shape (first: {key} is {found}, needed {needed})")
    cause = _likely_cause(missing, unexpected, shapes, len(own))
    raise RequestError(f"{source}: does not fit {what}: {'; '.join(parts)}. Likely cause: {cause}")


def _by_prefix(keys: Iterable[str]) -> str:
    """`18 keys (body.* 12, tail.* 6)`."""
    keys = list(keys)
    groups = Counter(key.split(".")[0] for key in keys)
    shown = [
        f"{name}{'.*' if any(k.startswith(name + '.') for k in keys) else ''} {n}" for name, n in groups.most_common(5)
    ]
    more = f", {len(groups) - 5} prefixes more" if len(groups) > 5 else ""
    return f"{len(keys)} key{'s' if len(keys) > 1 else ''} ({', '.join(shown)}{more})"


def _likely_cause(
    missing: list[str],
    unexpected: list[str],
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]],
    total: int,
) -> str:
    if len(missing) > 0.8 * total:
        return "a checkpoint of another architecture"
    stem = r"(up|tail|upsample|upsampler|conv_last|scale)"
    concerned = [*missing, *unexpected, *shapes]
    if all(re.search(stem, key.lower()) for key in concerned):
        return "a checkpoint for another scale, or of another upsampler"
    if (missing or unexpected) and not shapes and _numbered(missing + unexpected):
        fewer = "fewer" if len(missing) > len(unexpected) else "more"
        return f"a checkpoint with {fewer} blocks than the card's arch says"
    if shapes:
        return "another size of the same architecture (features, group, window); compare the card's arch"
    return "a variant of the architecture; compare the card's arch with the one it was trained with"


def _numbered(keys: Iterable[str]) -> bool:
    return all(re.search(r"\.?\d+(\.|$)", key) or re.search(r"[a-z]\d+\.", key) for key in keys)


def digest(state_dict: Mapping[str, Tensor]) -> str:
    """SHA-256 over the names and values of a state dict."""
    total = hashlib.sha256()
    for name, tensor in sorted(state_dict.items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def file_digest(file: BinaryIO) -> str:
    """SHA-256 of a file."""
    total = hashlib.sha256()
    while block := file.read(2**20):
        total.update(block)
    return total.hexdigest()


def _one_line(error: BaseException | str) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
