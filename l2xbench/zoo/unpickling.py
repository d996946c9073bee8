"""Pickled checkpoints by torch's restricted unpickler: what would run code, or unpack to a bomb, is refused by name."""

from __future__ import annotations

import pickle
import pickletools
import re
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from l2xbench.errors import RequestError

MAX_BYTES = 16 * 2**30
"""A checkpoint that unpacks to more than this is refused."""


def read_pickle(path: Path) -> Any:
    """Whatever tensors and plain containers a file of `torch.save` holds.

    Raises:
        RequestError: it would run code, it is truncated or no checkpoint, or it holds more than memory does.
    """
    if zipfile.is_zipfile(path):
        _refuse_bombs_and_programs(path)
    try:
        # given the name, torch would go by its suffix
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # on old pickles torch warns of what weights_only already refuses
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RequestError(f"{path}: {_why_not(path, str(error))}") from None
    except MemoryError:
        raise RequestError(f"{path}: refused: it declares more data than memory can hold") from None
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        # an OSError is of a seek beyond the end, and says nothing that a user could use
        told = "" if isinstance(error, OSError) else f" ({one_line(error)})"
        raise RequestError(f"{path}: truncated or not a checkpoint{told}") from None


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
    return f"not a checkpoint that can be read safely ({one_line(said)})"


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


def _refuse_bombs_and_programs(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise RequestError(f"{path}: truncated or damaged ({one_line(error)})") from None
    # torch stores tensors uncompressed, so an archive that unpacks to more than it is was not written by torch.save
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_BYTES or unpacked > 2 * path.stat().st_size + 2**20:
        raise RequestError(f"{path}: refused: {path.stat().st_size:,} bytes that unpack to {unpacked:,} (a zip bomb?)")
    if any("/code/" in entry.filename or entry.filename.endswith("constants.pkl") for entry in entries):
        raise RequestError(
            f"{path}: refused: a TorchScript program, not a state dict; "
            "save the network's state_dict() as .safetensors or .pth"
        )


def one_line(error: BaseException | str) -> str:
    """An error in at most 120 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
