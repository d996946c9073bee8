"""What a study is: one object that brings options, units, their computation, and all that is made from their records.

Only `compute`, `check` and what is made from records may need libraries that are slow to import; they import them when
they are called, so that reading a YAML, and `l2xbench --help`, takes no second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from l2xbench.config import Block, StudyConfig
from l2xbench.store.units import Arrays, GroupName, Outcome

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Better, Table
    from l2xbench.store.records import Records
    from l2xbench.store.results import Results
    from l2xbench.store.store import Store
    from l2xbench.studies.figures import ImageSet, OwedFigure
    from l2xbench.studies.image_view import ImageView
    from l2xbench.zoo.network import Network

Options = dict[str, Any]
"""The options of a unit: everything from the study's YAML that decides its result, as JSON."""


SizesOfImages = Mapping[str, Mapping[str, tuple[int, int]]]
"""Dataset -> image -> height and width of LR."""


@dataclass(frozen=True)
class Section:
    """A part of the page, under a heading of its own."""

    anchor: str
    """Its address on the page; sections of several studies with one anchor are one section, in their order."""
    link: str
    """What the list of sections calls it."""
    title: str
    tables: Sequence[Table] = ()
    """Below what the template makes."""
    template: Path | None = None
    """A Jinja template, which may import the macros of `tables.html` and `charts.html` (`l2xbench/report/page`)."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """What the template knows."""
    figures: Sequence[str] = ()
    """Names of figures that are shown above the tables, as files below `figures/` are called."""


@dataclass(frozen=True)
class Summary:
    """What the terminal shows of a run's numbers."""

    title: str
    frame: pd.DataFrame
    warnings: Sequence[str] = ()
    """What must be known before the numbers are used, a line each."""


@dataclass(frozen=True)
class ImageMeasure:
    """A number for each network and image of a dataset, by which networks are compared image by image."""

    name: str
    """As tables name it: `psnr`."""
    title: str
    """As a reader is told: `PSNR`."""
    dataset: str
    networks: Sequence[str]
    """In the study's order; the interpolation is none of them."""
    images: Sequence[str]
    values: NDArray[np.float64]
    """(networks, images); NaN where there is none."""
    unit: str = ""
    """`dB`; empty where it has none."""
    digits: int = 2
    """After the point, where a sentence or a figure shows it."""
    better: Better | None = None
    """Whether `high` or `low` is better; None where neither is."""
    more: str = ""
    """What the network with the larger number does, with `{by}` for how much: `restores {by} better than`. Empty where
    no sentence is to be made of it."""


@dataclass(frozen=True)
class Finding:
    """A sentence of what tables say: with its number, interval and number of images, and no more than they carry."""

    sentence: str
    """Plain text, for a reader who has not seen the table."""
    table: str = ""
    """The name of the table that has the numbers, of any study."""
    importance: int = 2
    """1: what a reader wants to know first; 2: what it needs to be understood; 3: what else is of interest."""


class ImageFigures:
    """Figures that show one image each. They are drawn as soon as their image is complete, while the run goes on."""

    def count(self, config: StudyConfig) -> int:
        """How many an image has."""
        raise NotImplementedError

    def shows(self, config: StudyConfig, group: GroupName) -> bool:
        """Whether one of them shows what the records of a group hold of its image."""
        raise NotImplementedError

    def owed(self, images: ImageSet) -> Iterable[OwedFigure]:
        """The figures of those of these images that are complete."""
        raise NotImplementedError


class Study:
    """A study, as its folder in `l2xbench/studies/` or a package of the user's own defines it.

    A subclass sets the attributes and writes those methods that it needs: all have a default that does nothing. One
    instance of it, `STUDY`, is what the registry finds.
    """

    name: ClassVar[str]
    """How records and failures call the study; lower-case letters, digits and underscores."""
    version: ClassVar[int] = 1
    """The version of `compute`: raised whenever the same options give other results, so that old records are remade."""
    order: ClassVar[int] = 1000
    """Studies run, and stand on the page, by this number, then by name. Those of l2xbench have 0 to 999."""
    blocks: ClassVar[tuple[type[Block], ...]] = ()
    """The blocks of the YAML that this study brings; most have one, under the study's name."""
    needs_network: ClassVar[bool] = True
    """Whether a unit is of an image and a network. `inputs` alone is of an image."""
    of_interpolation: ClassVar[bool] = False
    """Whether units are owed for the interpolation too, of which nothing is explained."""
    image_figures: ClassVar[ImageFigures | None] = None
    """Its figures of one image each; `figures` gives all others."""
    image_view: ClassVar[ImageView | None] = None
    """What the page's viewer shows of images; one study has it."""
    runs_with: ClassVar[tuple[str, ...]] = ()
    """Studies that a command for this one alone carries out besides, for what its tables quote of them. What its units
    start from (`needs`) is made anyway."""

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """What is owed for an image and a network: a label that tells units apart, and the options of each."""
        return []

    def is_owed(self, options: Mapping[str, Any], dataset: str) -> bool:
        """Whether the unit of these options is owed for the images of a dataset."""
        return True

    def options_of(self, config: StudyConfig, label: str) -> Options:
        """The options of the unit `label`, also of one that no YAML asks for and another study needs."""
        return dict(self.units(config))[label]

    def needs(self, options: Mapping[str, Any]) -> tuple[str, str] | None:
        """The study and label of the unit whose arrays `compute` starts from, of the same network and image.

        They are those that its outcome holds under the study's own name.
        """
        return None

    def looks_at_others(self, options: Mapping[str, Any]) -> bool:
        """Whether `compute` is given the other images of the dataset; the unit is then done again if any changes."""
        return False

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None
    ) -> Outcome:
        """One unit's numbers, images and arrays; what it raises becomes that unit's failure.

        Args:
            network: None where `needs_network` is false.
            pair: the image's LR and, where there is one, HR pixels.
            options: of the unit.
            given: the arrays of the unit that `needs` names; or, where it `looks_at_others`, the LR images of the
                dataset but its own, (h, w, 3) uint8 by name, in an order that hangs on their pixels alone.
        """
        raise NotImplementedError(f"the study {self.name} has units and does not compute them")

    def check(self, config: StudyConfig) -> None:
        """Whether the study can be done as its YAML asks, told before anything runs.

        Raises:
            RequestError: what would fail for every unit, by its key.
        """

    def check_sizes(self, config: StudyConfig, sizes: Callable[[], SizesOfImages]) -> None:
        """Whether the images are large enough for what the YAML asks, told before anything runs.

        Args:
            config: the study.
            sizes: gives height and width of LR, by dataset and image, of those whose files can be read.

        Raises:
            RequestError: what would fail for every image, by its key.
        """

    def settled_by(self, config: StudyConfig) -> str | None:
        """The study whose records decide what this one's block leaves open; None where it says all."""
        return None

    def settled(self, config: StudyConfig, records: Records, store: Store) -> StudyConfig:
        """The study's YAML with that said.

        Args:
            config: the study.
            records: of the study that `settled_by` names, as far as it could be done.
            store: where their files lie.

        Raises:
            RequestError: nothing can be said by them.
        """
        raise NotImplementedError(f"the study {self.name} leaves nothing open")

    def notice(self, config: StudyConfig) -> str | None:
        """What is told before the first unit: a line about what it will cost, where that is out of the common."""
        return None

    def alone(self, config: StudyConfig) -> StudyConfig:
        """The study's YAML for a command that is for this study alone: its blocks have their defaults if it is off."""
        for block in self.blocks:
            if config.block(block) is None:
                config = config.with_block(block())
        return config

    def tables(self, results: Results) -> list[Table]:
        """Written to `tables/`; one without rows is left out."""
        return []

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """Written to `figures/`, each drawn unless it is there from the same records."""
        return []

    def figure_names(self, results: Results) -> list[str]:
        """The names of `figures`, for a section that shows them."""
        return [each.files.name for each in self.figures(results)]

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """What the page shows of the newest run that gives any.

        Args:
            results: of that run.
            tables: its own, by name.
        """
        return []

    def measures(self, results: Results) -> list[ImageMeasure]:
        """What networks can be compared by, image by image: see `l2xbench.studies.differences`."""
        return []

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """What these tables say, the more important first; asked for only where there are any."""
        return []

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """What the terminal shows at the end of a run."""
        return None
