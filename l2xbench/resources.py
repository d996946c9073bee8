"""Where the bundled configs and model cards lie, in a checkout and in an installed wheel alike."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).parent


def _bundled(folder: str) -> Path:
    installed = _PACKAGE / "bundled" / folder
    return installed if installed.is_dir() else _PACKAGE.parent / folder


def configs_folder() -> Path:
    """The folder of bundled studies."""
    return _bundled("configs")


def models_folder() -> Path:
    """The folder of bundled model cards; `weights/` lies in it."""
    return _bundled("models")


def cache_folder() -> Path:
    """Where fetched checkpoints and datasets are kept: `L2XBENCH_HOME`, else the user's cache folder."""
    home = os.environ.get("L2XBENCH_HOME")
    if home:
        return Path(home).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "l2xbench"
