"""The test sets that SR papers report: the one list of them, by whatever name a user or a folder calls them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SELFEXSR_PAGE = "https://github.com/jbhuang0604/SelfExSR"
"""Huang et al., Single Image Super-Resolution from Transformed Self-Exemplars, CVPR 2015: Urban100, and Set5, Set14 and
BSD100 with LR images made by MATLAB's bicubic."""
DIV2K_PAGE = "https://data.vision.ee.ethz.ch/cvl/DIV2K"
"""Agustsson and Timofte, NTIRE 2017 Challenge on Single Image Super-Resolution: Dataset and Study, CVPRW 2017."""


_INSIDE_A_SET = r"(?i)image_SRF_\d+|HR|GT|GTmod12|.*_HR"
"""Folders within a set, whose own name says nothing."""


@dataclass(frozen=True)
class KnownSet:
    """A test set that papers report."""

    name: str
    """How studies and `l2xbench fetch` call it."""
    images: int
    """How many the whole set has."""
    scales: tuple[int, ...]
    """The scales at which it can be fetched; none where it has to be asked for."""
    page: str
    terms: str
    """What a user must know of its licence, in a few words."""
    title: str = ""
    """How a note calls it where that is not its name."""
    other_names: tuple[str, ...] = ()
    """What else papers and folders call it."""

    @property
    def fetchable(self) -> bool:
        """Whether it can be downloaded without asking anybody."""
        return bool(self.scales)

    @property
    def described(self) -> str:
        """Its title, or its name."""
        return self.title or self.name


KNOWN_SETS = (
    KnownSet("Set5", 5, (2, 3, 4), SELFEXSR_PAGE, "for research"),
    KnownSet("Set14", 14, (2, 3, 4), SELFEXSR_PAGE, "for research"),
    KnownSet("BSD100", 100, (2, 3, 4), SELFEXSR_PAGE, "for non-commercial research", other_names=("B100",)),
    KnownSet("Urban100", 100, (2, 4), SELFEXSR_PAGE, "for research"),
    KnownSet(
        "DIV2K",
        100,
        (2, 3, 4),
        f"{DIV2K_PAGE}/",
        "for academic research only",
        title="DIV2K validation",
        other_names=("DIV2K_val", "DIV2K_valid", "DIV2K_validation", "DIV2K_valid_HR"),
    ),
    KnownSet("Manga109", 109, (), "http://www.manga109.org/en/download.html", "its licence asks for a request"),
)


def find_set(name: str) -> KnownSet | None:
    """The set that papers call so, whatever its case and punctuation; None where it is none of them.

    Examples:
        >>> find_set("set-14").images
        14
        >>> find_set("B100").name
        'BSD100'
    """
    return _BY_NAME.get(_plain(name))


def name_of_folder(folder: Path) -> str:
    """What tables call a folder: its name, or of a folder within a set (`HR`, `image_SRF_4`) that set's.

    Examples:
        >>> name_of_folder(Path("/data/Urban100/image_SRF_4"))
        'Urban100'
    """
    names = [each.name for each in (folder, *folder.parents) if each.name]
    named = next((name for name in names if not re.fullmatch(_INSIDE_A_SET, name)), "images")
    return re.sub(r"[^A-Za-z0-9._+-]", "_", named).lstrip("._+-")[:64] or "images"


def set_of_image(image: Path) -> str:
    """What tables call the set of a single image: that of a known set in which it lies; else empty, since where
    somebody keeps a photograph says nothing of it.

    Examples:
        >>> set_of_image(Path("/data/Urban100/HR/img_001.png")), set_of_image(Path("/home/me/work/photo.png"))
        ('Urban100', '')
    """
    name = name_of_folder(image.parent)
    return name if find_set(name) is not None else ""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_BY_NAME = {_plain(name): known for known in KNOWN_SETS for name in (known.name, *known.other_names)}
