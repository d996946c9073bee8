"""A results folder as tables, figures and arrays, each read when it is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from l2xbench.draw.inline import inline_png
from l2xbench.errors import RequestError, did_you_mean
from l2xbench.run.manifest_files import manifest_files
from l2xbench.store.paths import MAPS, OTHERS


@dataclass(frozen=True)
class ShownFigure:
    """A figure of a study. A notebook shows it, in fewer pixels and 256 colours, so that the notebook stays small."""

    png: Path
    """The file, 300 dots per inch of the printed size."""

    @property
    def pdf(self) -> Path:
        """The same with lines and text as such."""
        return self.png.with_suffix(".pdf")

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The picture, and how wide it is shown."""
        return inline_png(self.png.read_bytes())


class Tables(Mapping[str, pd.DataFrame]):
    """Name -> table, read from its CSV when it is asked for: `tables["restoration"]`.

    Raises:
        KeyError: there is no table of that name; the message names what is there.
    """

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
    """What a study left: tables, figures, maps, findings, the page. A notebook shows its findings.

    Nothing is read before it is asked for, and no network is loaded.

    Examples:
        >>> import json, tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "manifest.json").write_text(json.dumps({"seed": 0}))
        >>> (root / "tables").mkdir()
        >>> _ = (root / "tables/restoration.csv").write_text("model,psnr\\nedsr,29.5\\n")
        >>> results = ResultsFolder(root)
        >>> list(results.tables), results.tables["restoration"]["psnr"].tolist(), results.manifest["seed"]
        (['restoration'], [29.5], 0)
    """

    def __init__(self, root: Path) -> None:
        """Opens the folder; `open_results` does it."""
        self.root = root
        """Where it lies."""
        self.tables = Tables(root / "tables")
        """Name -> DataFrame."""
        self.figures = {path.stem: path for path in sorted((root / "figures").glob("*.png"))}
        """Name -> PNG file; a PDF lies beside it. `figure` shows one."""
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

    def figure(self, name: str) -> ShownFigure:
        """A figure by its name, which a notebook shows; `figures` has the names.

        Args:
            name: such as `heatmap-photographs-astronaut`; or its beginning, where only one figure begins so.

        Raises:
            RequestError: there is no such figure, or several begin so.

        Examples:
            >>> import tempfile
            >>> root = Path(tempfile.mkdtemp())
            >>> (root / "figures").mkdir()
            >>> for name in ("ablation", "cka-photographs"):
            ...     (root / f"figures/{name}.png").touch()
            >>> ResultsFolder(root).figure("cka").png.name
            'cka-photographs.png'
        """
        if name in self.figures:
            return ShownFigure(self.figures[name])
        found = [each for each in self.figures if each.startswith(name)]
        if len(found) == 1:
            return ShownFigure(self.figures[found[0]])
        told = f"{len(found)} figures begin so: {', '.join(found)}" if found else did_you_mean(name, self.figures)
        raise RequestError(f"{self.root}: no figure '{name}'; {told}")

    def maps(self) -> list[tuple[str, str, str]]:
        """Dataset, network and image of every map that is kept, which `map` takes.

        A method's name follows the image's (`baby.lam`), but for `l2x`; of a study with maps of its own, such as LAM's
        of windows, what it calls them (`baby.119,115,24-lam-Set5`).

        Examples:
            >>> import tempfile
            >>> root = Path(tempfile.mkdtemp())
            >>> (root / "attributions/Set5/edsr").mkdir(parents=True)
            >>> np.savez(root / "attributions/Set5/edsr/baby.npz", values=np.zeros((3, 8, 8)))
            >>> ResultsFolder(root).maps()
            [('Set5', 'edsr', 'baby')]
        """
        return [each for each, _ in sorted(self._map_files())]

    def _map_files(self) -> Iterator[tuple[tuple[str, str, str], Path]]:
        """Each map's names, and its file: those of whole images, then those that studies keep as outcomes."""
        for pattern, ending in ((f"{MAPS}/*/*/*.npz", ".npz"), (f"{OTHERS}/*/*/*/*.map.npz", ".map.npz")):
            for path in self.root.glob(pattern):
                yield (path.parts[-3], path.parts[-2], path.name.removesuffix(ending)), path

    def map(self, dataset: str, network: str, image: str) -> dict[str, np.ndarray]:
        """One map as arrays: `values` (3, H, W) in units of the objective, `reference` (3, H, W) in [0, 1], `delta` ().

        Those of windows (LAM's) have `values` alone.

        Args:
            dataset, network: the study's names of them.
            image: the image's name, as `maps` gives it.

        Raises:
            RequestError: no such map is kept.

        Examples:
            >>> import tempfile
            >>> root = Path(tempfile.mkdtemp())
            >>> (root / "attributions/Set5/edsr").mkdir(parents=True)
            >>> np.savez(root / "attributions/Set5/edsr/baby.npz", values=np.zeros((3, 8, 8)))
            >>> ResultsFolder(root).map("Set5", "edsr", "baby")["values"].shape
            (3, 8, 8)
        """
        known = dict(self._map_files())
        path = known.get((dataset, network, image))
        if path is None:
            names = ["/".join(each) for each in sorted(known)]
            wanted = f"{dataset}/{network}/{image}"
            raise RequestError(f"{self.root}: no map {wanted}; {did_you_mean(wanted, names)}")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def __repr__(self) -> str:
        return f"ResultsFolder({str(self.root)!r}: {len(self.tables)} tables, {len(self.maps())} maps)"

    def _repr_html_(self) -> str:
        lines = [line[2:] for line in self.findings.splitlines() if line.startswith(("- ", "* "))]
        said = "".join(f"<li>{escape(_unmarked(line))}</li>" for line in lines)
        return f"<p><b>{escape(str(self.root))}</b>: {escape(', '.join(self.tables))}</p><ul>{said}</ul>"


def _unmarked(line: str) -> str:
    """A line of Markdown as plain text."""
    return re.sub(r"\\(.)", r"\1", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line))


def open_results(folder: Path | str) -> ResultsFolder:
    """Opens what `l2xbench run` or `run_study` left; no network is loaded.

    Args:
        folder: `results/<study>`, or what `--out` named.

    Returns:
        its tables as DataFrames, figures, and maps as arrays, each read when it is asked for.

    Raises:
        RequestError: it is no results folder.

    Examples:
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
