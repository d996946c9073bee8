"""The results directory: the only code that writes results.

A finished unit is one record, `records/<study>/<dataset>/<model>/<image>.json`, beside the images and arrays that it
names. The record is written last and each file whole or not at all, so a run that is stopped at any moment has lost at
most the units that were under way. A record carries the key of all that decided its result; a record of another key is
stale, and its unit is done again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from l2xbench.errors import RequestError
from l2xbench.files import write_whole
from l2xbench.studies.base import Outcome, Unit, Value

FOLDERS = {"sr": "sr", "attribution": "attributions", "similarity": "similarity", "lr": "inputs", "hr": "inputs"}
"""What an outcome holds -> where it is kept."""


@dataclass(frozen=True)
class Record:
    """A finished unit as it is kept."""

    key: str
    study: str
    dataset: str
    model: str
    image: str
    label: str
    values: Mapping[str, Value]
    files: Mapping[str, str] = field(default_factory=dict)
    """What (`sr`, `attribution`, ...) -> path below the results folder."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """What -> bytes of that file."""


class Store:
    """Records and files below one results folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Makes the folder.

        Raises:
            RequestError: it cannot be made or written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise RequestError(f"--out {self.root}: cannot be written to ({error.strerror})") from None

    def find(self, unit: Unit, key: str) -> Record | None:
        """The record of `unit`, if it is there, whole, of this key, and its files are there."""
        record = self._read(self._record_path(unit.study, unit.dataset, unit.model, unit.image, unit.label))
        if record is None or record.key != key:
            return None
        for what, path in record.files.items():
            file = self.root / path
            if not file.is_file() or file.stat().st_size != record.sizes.get(what):
                return None
        return record

    def keep(self, unit: Unit, key: str, outcome: Outcome) -> Record:
        """Writes an outcome's files, then its record."""
        files: dict[str, str] = {}
        for what, image in outcome.images.items():
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, format="PNG")
            files[what] = self._write(self._file_path(unit, what, ".png"), buffer)
        for what, arrays in outcome.arrays.items():
            buffer = io.BytesIO()
            np.savez_compressed(buffer, allow_pickle=False, **arrays)
            files[what] = self._write(self._file_path(unit, what, ".npz"), buffer)
        return self.keep_files(unit, key, files, outcome.values)

    def keep_files(
        self, unit: Unit, key: str, files: Mapping[str, str], values: Mapping[str, Value] | None = None
    ) -> Record:
        """Writes the record of a unit whose files (what -> path below the results folder) are written already."""
        sizes = {what: (self.root / path).stat().st_size for what, path in files.items()}
        named = (unit.study, unit.dataset, unit.model, unit.image, unit.label)
        record = Record(key, *named, dict(values or {}), dict(files), sizes)
        body = asdict(record)
        body["checksum"] = _checksum(body)
        write_whole(self.root / self._record_path(*named), json.dumps(body, indent=1).encode())
        return record

    def load_image(self, path: str) -> np.ndarray:
        """A kept PNG: uint8 (H, W, 3)."""
        with Image.open(self.root / path) as image:
            return np.asarray(image.convert("RGB"))

    def load_arrays(self, path: str) -> dict[str, np.ndarray]:
        """A kept NPZ."""
        with np.load(self.root / path, allow_pickle=False) as archive:
            return dict(archive)

    def write_text(self, path: str, text: str) -> Path:
        """Writes a text file below the results folder."""
        return write_whole(self.root / path, text.encode())

    def _write(self, path: Path, buffer: io.BytesIO) -> str:
        write_whole(self.root / path, buffer.getbuffer())
        return str(path)

    def _record_path(self, study: str, dataset: str, model: str, image: str, label: str) -> Path:
        name = f"{image}.{label}.json" if label else f"{image}.json"
        return self.root / "records" / study / dataset / model / name

    def _file_path(self, unit: Unit, what: str, suffix: str) -> Path:
        if not unit.model:
            return Path(FOLDERS[what], unit.dataset, f"{unit.image}.{what}{suffix}")
        # the method that the project is about has the plain name that the contract promises
        label = "" if unit.label in ("", "l2x") else f".{unit.label}"
        return Path(FOLDERS[what], unit.dataset, unit.model, f"{unit.image}{label}{suffix}")

    def _read(self, path: Path) -> Record | None:
        try:
            body = json.loads(path.read_text())
            checksum = body.pop("checksum")
            return Record(**body) if checksum == _checksum(body) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # absent or damaged: the unit is done again


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
