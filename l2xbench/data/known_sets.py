"""The test sets that SR papers report: the one list of them, by whatever name a user or a folder calls them."""

from __future__ import annotations

import re
from dataclasses import dataclass

SELFEXSR_PAGE = "https://github.com/jbhuang0604/SelfExSR"
"""Huang et al., Single Image Super-Resolution from Transformed Self-Exemplars, CVPR 2015: Urban100, and Set5, Set14 and
BSD100 with LR images made by MATLAB's bicubic."""
DIV2K_PAGE = "https://data.vision.ee.ethz.ch/cvl/DIV2K"
"""Agustsson and Timofte, NTIRE 2017 Challenge on Single Image Super-Resolution: Dataset and Study, CVPRW 2017."""


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


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_BY_NAME = {_plain(name): known for known in KNOWN_SETS for name in (known.name, *known.other_names)}
