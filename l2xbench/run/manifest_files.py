"""Whether a folder holds results; imports nothing heavy, so that a wrong folder is told at once."""

from __future__ import annotations

from pathlib import Path

from l2xbench.errors import RequestError


def manifest_files(root: Path) -> list[Path]:
    """The manifests of a results folder, that of the whole study first.

    Raises:
        RequestError: there is none: it is no results folder, or one whose run has not finished.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "there is no such folder"
        raise RequestError(f"{root}: {what}; a results folder is needed, for example results/demo")
    found = sorted(root.glob("manifest*.json"), key=lambda path: (path.name != "manifest.json", path.name))
    if found:
        return found
    if (root / "records").is_dir():
        raise RequestError(f"{root}: its run has not finished (no manifest.json); give the run's command again")
    raise RequestError(f"{root}: no results folder: there is no manifest.json in it, which `l2xbench run` writes")
