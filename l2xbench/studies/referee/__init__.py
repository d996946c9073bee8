"""Whether a map's signs and order are those of interventions: LR pixels replaced, and a patch's PSNR watched.

`options` is the YAML's block, `units` what is owed, `checks` what is refused before, `compute` one unit (the effects
themselves are `attribution.methods.intervention`'s), `agreement` compares a map with effects, `patches` puts records
together; `tables`, `figures` (drawn by `figure`) and `findings` show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.referee.options import RefereeOptions
from l2xbench.studies.referee.units import INTERVENTIONS, referee_units
from l2xbench.studies.shared.interventions import told_interventions
from l2xbench.studies.study import Finding, Options, Section, SizesOfImages, Study, Summary

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.studies.figures import OwedFigure
    from l2xbench.zoo.network import Network


class Referee(Study):
    """Interventions on patches, and each method's map of them."""

    name = "referee"
    version = 1
    order = 60
    blocks = (RefereeOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """See `referee.units`."""
        return referee_units(config)

    def is_owed(self, options: Mapping[str, Any], dataset: str) -> bool:
        """A patch that the study names is of one dataset."""
        return options["dataset"] in (None, dataset)

    def looks_at_others(self, options: Mapping[str, Any]) -> bool:
        """Interventions draw blocks from the dataset's other images."""
        return bool(options["of"] == INTERVENTIONS)

    def check(self, config: StudyConfig) -> None:
        """See `referee.checks`."""
        from l2xbench.studies.referee.checks import check_referee

        check_referee(config)

    def check_sizes(self, config: StudyConfig, sizes: Callable[[], SizesOfImages]) -> None:
        """That each patch is within its image."""
        wanted = config.block(RefereeOptions)
        if wanted is not None:
            from l2xbench.studies.lam.checks import check_windows

            check_windows("referee", wanted.cases, wanted.size, config, sizes)

    def notice(self, config: StudyConfig) -> str | None:
        """What the interventions on a patch cost."""
        wanted = config.block(RefereeOptions)
        return None if wanted is None else told_interventions("referee", "patch", config, wanted.model_dump())

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `referee.compute`."""
        from l2xbench.studies.referee.compute import compute

        assert network is not None
        return compute(network, pair, options, given)

    def tables(self, results: Results) -> list[Table]:
        """`referee`, `referee_patches` and `referee_interventions`."""
        from l2xbench.studies.referee.tables import referee_tables

        return referee_tables(results)

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """A figure a dataset: agreement against cost."""
        from l2xbench.studies.referee.figures import owed_figures

        return owed_figures(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """The tables."""
        if not tables:
            return []
        title = "Maps against interventions"
        names = self.figure_names(results)
        return [
            Section(
                "referee", "Interventions", title, [tables["referee"], tables["referee_interventions"]], figures=names
            )
        ]

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `referee.findings`."""
        from l2xbench.studies.referee.findings import referee_findings

        told = referee_findings(tables["referee"].frame, results.config.scale) if "referee" in tables else []
        return [Finding(sentence, "referee") for sentence in told]

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """Agreement and cost of each network and method."""
        if "referee" not in tables:
            return None
        frame = tables["referee"].frame
        several = ["dataset"] if frame["dataset"].nunique() > 1 else []
        shown = [*several, "model", "method", "signed", "signed_outside", "signs", "chance", "gradients"]
        frame = frame[shown].rename(columns={"signed_outside": "outside"})
        return Summary("maps against interventions, rank correlation and right signs", frame)


STUDY = Referee()
