"""A results folder as tables, figures and arrays, each read when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from l2xbench.errors import RequestError, did_you_mean
from l2xbench.run.manifest_files import manifest_files
from l2xbench.store.paths import MAPS


class Tables(Mapping[str, pd.DataFrame]):
    """Name -> table, read from its CSV when it is asked for: `tables["restoration"]`."""

    def __init__(self, folder: Path) -> None:
        """Looks at what lies in the folder."""
        self._paths = {path.stem: path for path in sorted(folder.glob("*.csv"))}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._paths:
            raise KeyError(f"no table '{name}'; {did_you_mean(name, self._paths)}")
        return pd.read_csv(self._paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __repr__(self) -> str:
        return f"Tables({', '.join(self._paths)})"


class ResultsFolder:
    """What a study left. A notebook shows its findings."""

    def __init__(self, root: Path) -> None:
        """Opens the folder; `open_results` does it."""
        self.root = root
        """Where it lies."""
        self.tables = Tables(root / "tables")
        """Name -> DataFrame."""
        self.figures = {path.stem: path for path in sorted((root / "figures").glob("*.png"))}
        """Name -> PNG file; a PDF lies beside it."""
        self.page = root / "report.html"
        """The page."""

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Everything that decided the numbers: the study, versions, hashes, device, seed."""
        found: dict[str, Any] = json.loads(manifest_files(self.root)[0].read_text())
        return found

    @property
    def findings(self) -> str:
        """What the study found, in sentences, as Markdown; empty where it found nothing to say."""
        path = self.root / "tables/findings.md"
        return path.read_text() if path.is_file() else ""

    def maps(self) -> list[tuple[str, str, str]]:
        """Dataset, network and image of every map that is kept; a method's name follows the image's: `baby.lam`."""
        found = sorted((self.root / MAPS).glob("*/*/*.npz"))
        return [(path.parts[-3], path.parts[-2], path.stem) for path in found]

    def map(self, dataset: str, network: str, image: str) -> dict[str, np.ndarray]:
        """One map: `values` (3, H, W) in units of the objective, `reference` (3, H, W), `delta` ().

        Raises:
            RequestError: no such map is kept.
        """
        path = self.root / MAPS / dataset / network / f"{image}.npz"
        if not path.is_file():
            known = ["/".join(each) for each in self.maps()]
            raise RequestError(f"{self.root}: no map {dataset}/{network}/{image}; {did_you_mean(path.stem, known)}")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def __repr__(self) -> str:
        return f"ResultsFolder({str(self.root)!r}: {len(self.tables)} tables, {len(self.maps())} maps)"

    def _repr_html_(self) -> str:
        lines = [line[2:] for line in self.findings.splitlines() if line.startswith(("- ", "* "))]
        said = "".join(f"<li>{escape(line)}</li>" for line in lines)
        return f"<p><b>{escape(str(self.root))}</b>: {escape(', '.join(self.tables))}</p><ul>{said}</ul>"


def open_results(folder: Path | str) -> ResultsFolder:
    """Opens what `l2xbench run` or `run_study` left; no network is loaded.

    Raises:
        RequestError: it is no results folder.

    Example:
        >>> import tempfile
        >>> import l2xbench
        >>> l2xbench.open_results(tempfile.mkdtemp())  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        l2xbench.errors.RequestError: ...: no results folder: there is no manifest.json in it, ...
    """
    root = Path(folder).expanduser()
    manifest_files(root)
    return ResultsFolder(root)
