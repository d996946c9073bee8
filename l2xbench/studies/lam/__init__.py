"""LAM and its diffusion index of the windows that papers show (Gu and Dong, CVPR 2021), to the digit.

`cases` is which windows (`disagreement` finds them), `options` the YAML's block, `units` what is owed, `compute` one
map; `tables`, `figures` (drawn by `figure` from the pictures of `pictures`) and `findings` show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.attribution.units import DRAWS_FROM_OTHERS
from l2xbench.studies.lam.cases import AUTO
from l2xbench.studies.lam.options import LamOptions
from l2xbench.studies.lam.units import lam_units
from l2xbench.studies.shared.interventions import in_one_notice, told_interventions
from l2xbench.studies.study import Finding, Options, Section, SizesOfImages, Study, Summary
from l2xbench.words import words

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.records import Records
    from l2xbench.store.results import Results
    from l2xbench.store.store import Store
    from l2xbench.studies.figures import OwedFigure
    from l2xbench.zoo.network import Network


class Lam(Study):
    """A map of each window, method and network."""

    name = "lam"
    version = 2
    order = 35
    blocks = (LamOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """See `lam.units`."""
        return lam_units(config)

    def is_owed(self, options: Mapping[str, Any], dataset: str) -> bool:
        """A window is of one dataset."""
        return bool(options["dataset"] == dataset)

    def looks_at_others(self, options: Mapping[str, Any]) -> bool:
        """Interventions draw from the dataset's other images."""
        return options["map"]["method"] in DRAWS_FROM_OTHERS

    def settled_by(self, config: StudyConfig) -> str | None:
        """`cases: auto` looks for its windows in the networks' SR images."""
        wanted = config.block(LamOptions)
        return "restoration" if wanted is not None and wanted.cases == AUTO else None

    def settled(self, config: StudyConfig, records: Records, store: Store) -> StudyConfig:
        """See `lam.disagreement`."""
        from l2xbench.studies.lam.disagreement import with_windows_found

        return with_windows_found(config, records, store)

    def notice(self, config: StudyConfig) -> str | None:
        """That windows are yet to be found, and what interventions cost."""
        wanted = config.block(LamOptions)
        if wanted is None:
            return None
        found = (
            f"lam: in each dataset up to {wanted.most} windows are taken in which the networks' "
            f"{words(config.scale).sr} images differ most; they are found once those are there."
            if wanted.cases == AUTO
            else None
        )
        costs = [
            told_interventions("lam", "window", config, {}) for each in wanted.methods if each in DRAWS_FROM_OTHERS
        ]
        return in_one_notice([found, *costs])

    def check(self, config: StudyConfig) -> None:
        """Methods and reference, and that each case is of a dataset of the study."""
        from l2xbench.studies.lam.checks import check_lam

        check_lam(config)

    def check_sizes(self, config: StudyConfig, sizes: Callable[[], SizesOfImages]) -> None:
        """That each window is within its image."""
        wanted = config.block(LamOptions)
        if wanted is not None:
            from l2xbench.studies.lam.checks import check_windows

            check_windows("lam", wanted.cases, wanted.size, config, sizes)

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `lam.compute`."""
        from l2xbench.studies.lam.compute import compute

        assert network is not None
        return compute(network, pair, options, given)

    def tables(self, results: Results) -> list[Table]:
        """`lam` and `lam_mean`."""
        from l2xbench.studies.lam.tables import lam_tables

        return lam_tables(results)

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """A figure a window: the papers' five panels, the networks side by side."""
        from l2xbench.studies.lam.figures import owed_figures

        return owed_figures(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """The tables."""
        if not tables:
            return []
        names = self.figure_names(results)
        return [
            Section("lam", "LAM", "LAM: local attribution maps", [tables["lam_mean"], tables["lam"]], figures=names)
        ]

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `lam.findings`."""
        from l2xbench.studies.lam.findings import lam_findings

        return [Finding(told, "lam") for told in lam_findings(tables["lam"].frame)]

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """A row a window, network and method; and which checkpoints are not the published ones."""
        if not tables:
            return None
        from l2xbench.studies.lam.tables import unpublished_notes

        frame = tables["lam"].frame
        few = frame[["dataset", "image"]].drop_duplicates()
        title = " ".join(["LAM", *few.iloc[0], frame["window"][0]]) if len(few) == 1 else "LAM"
        shown = ["model", "method", "di", "psnr", "seconds"]
        columns = shown if len(few) == 1 else ["dataset", "image", "window", *shown]
        return Summary(title, frame[columns], unpublished_notes(results))


STUDY = Lam()
