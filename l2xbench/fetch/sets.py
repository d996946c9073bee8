"""Known test sets from elsewhere: where each is had, and how it lies in the cache folder.

Every layout is one that `l2xbench.data.open_dataset` recognises.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from l2xbench.data.known_sets import DIV2K_PAGE, KnownSet
from l2xbench.errors import RequestError, did_you_mean
from l2xbench.fetch.archives import extract_images
from l2xbench.fetch.download import DownloadProgress, Remote, fetch_file, fetch_files
from l2xbench.resources import cache_folder

SELFEXSR_COMMIT = "8f6dd8c1d20cb7e8792a7177b4f6fd677633f598"
SELFEXSR = f"https://raw.githubusercontent.com/jbhuang0604/SelfExSR/{SELFEXSR_COMMIT}/data"
"""Set5, Set14, BSD100 and Urban100; `selfexsr.csv` beside this file holds the size and SHA-256 of each image."""
DIV2K = DIV2K_PAGE
"""Where its archives lie."""
_DIV2K_ARCHIVES = {
    "HR": (448993893, "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc"),
    "LR_bicubic_X2": (117763600, "60eed9875c697df51204aa579e2a699e1d5215095788a097ff54dd17e2664d57"),
    "LR_bicubic_X3": (54513392, "04b9a2ed3b4a0715d3924d3ae8514830c3328fac8d30512ce716d6f419e052a3"),
    "LR_bicubic_X4": (31505881, "a50a5d1c4b88de4e8d300d8fb2b904c52fe93b2b298a4899697760d7cbb6d553"),
}
"""Bytes and SHA-256. The authors publish none; these are the ones that TensorFlow Datasets records (url_checksums)."""


def datasets_folder() -> Path:
    """Where fetched sets are kept, and where those asked for by hand belong."""
    return cache_folder() / "datasets"


@dataclass(frozen=True)
class SetFiles:
    """What a set at a scale consists of: images that are downloaded one by one, and archives of images."""

    files: tuple[Remote, ...] = ()
    archives: tuple[Archive, ...] = ()

    def missing(self) -> SetFiles:
        """What of it is not there."""
        return SetFiles(
            tuple(remote for remote in self.files if not remote.looks_present()),
            tuple(archive for archive in self.archives if not archive.is_unpacked()),
        )

    def __bool__(self) -> bool:
        return bool(self.files or self.archives)

    @property
    def size(self) -> int:
        """Bytes to download, at most."""
        return sum(remote.size or 0 for remote in (*self.files, *(archive.remote for archive in self.archives)))

    @property
    def described(self) -> str:
        """`200 files, 145 MB`."""
        count = len(self.files) + len(self.archives)
        what = "archive" if self.archives else "file"
        return f"{count} {what}{'s' if count > 1 else ''}, {self.size / 1e6:,.1f} MB"

    def fetch(self, progress: DownloadProgress) -> int:
        """Downloads what is not there and right; returns how many files or archives that were.

        Raises:
            RequestError: a download failed, or an archive is not what it should be.
        """
        try:
            fetched = fetch_files(self.files, progress) if self.files else 0
            for archive in self.archives:
                fetched += archive.fetch(progress)
            return fetched
        except RequestError:
            self._prune()
            raise

    def _prune(self) -> None:
        """Removes folders that a failed fetch left empty: an empty folder is not a set."""
        folders = {remote.path.parent for remote in (*self.files, *(archive.remote for archive in self.archives))}
        for folder in folders:
            for each in (folder, folder.parent):
                with suppress(OSError):
                    each.rmdir()


@dataclass(frozen=True)
class Archive:
    """A zip archive of images, and the folder that they go to."""

    remote: Remote
    members: tuple[str, ...]
    folder: Path

    def is_unpacked(self) -> bool:
        """Whether all its images are there; they appear together or not at all."""
        return all((self.folder / member.rsplit("/", 1)[-1]).is_file() for member in self.members)

    def fetch(self, progress: DownloadProgress) -> bool:
        """Downloads and unpacks the archive unless that was done; returns whether it was owed."""
        if self.is_unpacked():
            progress.arrived(self.remote.size or 0)
            return False
        fetch_file(self.remote, progress)
        extract_images(self.remote.path, self.members, self.folder)
        self.remote.path.unlink()
        return True


def set_folder(known: KnownSet) -> Path:
    """Where a known set lies in the cache folder."""
    return datasets_folder() / known.name


def by_hand(known: KnownSet) -> str:
    """How a set is had that cannot be fetched."""
    return (
        f"{known.name} cannot be fetched ({known.terms}): ask at {known.page}, then put its HR images into "
        f"{set_folder(known)}, or name the folder it lies in with --data-root"
    )


def is_users_own(known: KnownSet) -> bool:
    """Whether the user has put the set into the cache folder in a layout of their own, which is left alone."""
    folder = set_folder(known)
    marks = ("image_SRF_*", "DIV2K_valid_*", ".*")
    ours = {path for mark in marks for path in folder.glob(mark)}
    return folder.is_dir() and any(path not in ours for path in folder.iterdir())


def files_of(known: KnownSet, scale: int, images: Sequence[str] | int | None = None) -> SetFiles:
    """What a known set consists of at a scale.

    Args:
        known: the set.
        scale: 2, 3 or 4.
        images: the first so many, or those of these names; None is all. Archives come whole.

    Raises:
        RequestError: it cannot be fetched, not at this scale, or has no image of a name.
    """
    if not known.fetchable:
        raise RequestError(by_hand(known))
    if scale not in known.scales:
        had = ", ".join(f"x{each}" for each in known.scales)
        raise RequestError(f"{known.name} is published at {had} only, not at x{scale}: {known.page}")
    folder = set_folder(known)
    if known.name == "DIV2K":
        return SetFiles(archives=_div2k(folder, scale))
    rows = [row for row in _selfexsr() if row["set"] == known.name and row["scale"] == str(scale)]
    wanted = _wanted(sorted({f"img_{row['image']}" for row in rows}), images, known.name)
    return SetFiles(tuple(_selfexsr_file(row, folder) for row in rows if f"img_{row['image']}" in wanted))


def _wanted(names: list[str], images: Sequence[str] | int | None, of: str) -> set[str]:
    if images is None:
        return set(names)
    if isinstance(images, int):
        return set(names[:images])
    chosen = set()
    for image in images:
        # a study may give a file's name as well: img_004_SRF_4_LR.png
        match = re.match(r"img_\d+(?=$|_SRF_\d+_(HR|LR)(\.png)?$)", image)
        if match is None or match[0] not in names:
            raise RequestError(f"images: no image '{image}' in {of}; {did_you_mean(image, names)}")
        chosen.add(match[0])
    return chosen


@lru_cache(maxsize=1)
def _selfexsr() -> list[dict[str, str]]:
    text = files("l2xbench.fetch").joinpath("selfexsr.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _selfexsr_file(row: dict[str, str], folder: Path) -> Remote:
    inside = f"image_SRF_{row['scale']}/img_{row['image']}_SRF_{row['scale']}_{row['side']}.png"
    return Remote(f"{SELFEXSR}/{row['set']}/{inside}", folder / inside, row["sha256"], int(row["bytes"]))


def _div2k(folder: Path, scale: int) -> tuple[Archive, ...]:
    numbers = [f"{number:04}" for number in range(801, 901)]
    return (
        _div2k_archive("HR", folder, "DIV2K_valid_HR", [f"{number}.png" for number in numbers]),
        _div2k_archive(
            f"LR_bicubic_X{scale}",
            folder,
            f"DIV2K_valid_LR_bicubic/X{scale}",
            [f"{number}x{scale}.png" for number in numbers],
        ),
    )


def _div2k_archive(which: str, folder: Path, inside: str, names: list[str]) -> Archive:
    size, sha256 = _DIV2K_ARCHIVES[which]
    archive = f"DIV2K_valid_{which}.zip"
    remote = Remote(f"{DIV2K}/{archive}", folder / f".{archive}", sha256, size)
    return Archive(remote, tuple(f"{inside}/{name}" for name in names), folder / inside)
