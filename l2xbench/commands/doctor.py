"""`l2xbench doctor`: what is installed, what is missing, and what for."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.text import Text

from l2xbench.commands.screen_tables import show_rows
from l2xbench.errors import RequestError, message_of
from l2xbench.resources import cache_folder, card_folders, configs_folder
from l2xbench.system import cores, memory
from l2xbench.version import __version__

LIBRARIES = ("torchvision", "spandrel", "timm", "captum", "numpy", "pandas", "matplotlib", "pillow", "scikit-image")
"""What every installation has besides PyTorch."""
EXTRAS = {
    "basicsr": ("basicsr", "other architectures of BasicSR's registry; EDSR, RCAN and SwinIR need none"),
    "explore": ("nicegui", "l2xbench explore"),
    "ray": ("ray", "--engine ray"),
}
"""Extra -> the distribution that it brings, and what for."""


@dataclass(frozen=True)
class Checked:
    """One thing that was looked for."""

    name: str
    there: bool
    found: str
    """Version, path or what else there is to say; what to do where it is not there."""
    use: str = ""
    """What it is for."""
    needed: bool = True
    """Whether nothing works without it."""


def examine() -> list[Checked]:
    """All that is looked for, in the order in which it is shown."""
    return [*_versions(), *_parts(), *_devices(), *_extras(), *_programs(), *_folders()]


def show_examination(console: Console, found: list[Checked]) -> None:
    """A line for each thing."""
    rows = [
        {
            "what": each.name,
            "there": Text("yes", "green") if each.there else Text("no", "red" if each.needed else "yellow"),
            "found": each.found,
            "for": Text(each.use, "dim"),
        }
        for each in found
    ]
    show_rows(console, rows)
    lacking = [each.name for each in found if each.needed and not each.there]
    console.print(f"missing: {', '.join(lacking)}" if lacking else "all that a study needs is there", highlight=False)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _versions() -> Iterator[Checked]:
    yield Checked("l2xbench", True, f"{__version__} in {Path(__file__).parents[1]}")
    yield Checked(
        "Python", sys.version_info >= (3, 10), f"{platform.python_version()} on {platform.platform(terse=True)}"
    )
    for name in ("torch", *LIBRARIES):
        version = _version(name)
        yield Checked(name, version is not None, version or f"pip install {name}")


def _parts() -> Iterator[Checked]:
    try:
        from l2xbench.system.torch_parts import PARTS, TESTED
    except RequestError as error:
        yield Checked("PyTorch's private parts", False, str(error), "exact maps")
    except ImportError as error:  # a broken installation must not end the examination
        yield Checked("PyTorch's private parts", False, f"torch cannot be imported: {error}", "everything")
    else:
        yield Checked(
            "PyTorch's private parts", True, f"{len(PARTS)}, tested with {TESTED[0]} to {TESTED[1]}", "exact maps"
        )


def _devices() -> Iterator[Checked]:
    yield Checked("CPU", True, f"{cores.count()} cores, {memory.free() / 2**30:.1f} GiB of memory free")
    try:
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(count))
    except ImportError:
        count, names = 0, ""
    yield Checked("GPU", count > 0, names or "PyTorch sees none", "speed", needed=False)


def _extras() -> Iterator[Checked]:
    for extra, (name, use) in EXTRAS.items():
        version = _version(name)
        how = f"pip install 'l2xbench[{extra}]'"
        if extra == "basicsr" and sys.version_info >= (3, 13):
            how = "its last release cannot be built on this Python"
        yield Checked(name, version is not None, version or how, use, needed=False)
    pip = importlib.util.find_spec("pip") is not None
    yield Checked("pip", pip, _version("pip") or "python -m ensurepip", "l2xbench fetch dat-light-x4", needed=False)


def _programs() -> Iterator[Checked]:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    yield Checked(
        "Chromium", browser is not None, browser or "apt-get install chromium", "tests of the page", needed=False
    )
    try:
        from matplotlib import font_manager

        from l2xbench.draw.style import FONT

        path = font_manager.findfont(FONT, fallback_to_default=False)
        yield Checked("font", True, f"{FONT}: {path}", "figures")
    except (ImportError, ValueError) as error:
        yield Checked("font", False, message_of(error)[:100], "figures")


def _folders() -> Iterator[Checked]:
    studies, cards = (
        len(list(configs_folder().glob("*.yaml"))),
        sum(len(list(f.glob("*.yaml"))) for f in card_folders()),
    )
    yield Checked(
        "bundled files", min(studies, cards) > 0, f"{studies} studies, {cards} cards in {configs_folder().parent}"
    )
    cache = cache_folder()
    nearest = next(folder for folder in (cache, *cache.parents) if folder.exists())
    writable = os.access(nearest, os.W_OK) and nearest.is_dir()
    free = shutil.disk_usage(nearest).free / 2**30
    how = (
        f"{cache}, {free:.0f} GiB free"
        if writable
        else f"{cache} cannot be written: set L2XBENCH_HOME to a folder that can"
    )
    yield Checked("cache folder", writable, how, "l2xbench fetch", needed=False)
