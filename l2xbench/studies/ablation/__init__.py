"""Features masked in a map's order, and how far PSNR and SSIM fall: the paper's Sec. 4.2 and Fig. 3(a).

`options` is the YAML's block, `units` what is owed, `compute` one unit. `curves` is what the records say, as means and
gaps to random order; `tables`, `figures` (drawn by `curves_figure` and `cost_figure`) and `section` (`section.html`)
show it. `per_image` is the gap of each image, by which networks are compared, and `findings` what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.ablation.options import AblationOptions
from l2xbench.studies.ablation.units import RANDOM, ablation_units
from l2xbench.studies.study import Finding, ImageMeasure, Options, Section, Study, Summary

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.studies.figures import OwedFigure
    from l2xbench.zoo.network import Network


class Ablation(Study):
    """Do the maps name the pixels that matter?"""

    name = "ablation"
    version = 4
    order = 30
    blocks = (AblationOptions,)
    runs_with = ("restoration",)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """See `ablation.units`."""
        return ablation_units(config)

    def needs(self, options: Mapping[str, Any]) -> tuple[str, str] | None:
        """The map whose order is followed."""
        return None if options["method"] == RANDOM else ("attribution", options.get("of", options["method"]))

    def check(self, config: StudyConfig) -> None:
        """The methods, and that there are maps."""
        from l2xbench.studies.attribution.checks import check_tested

        wanted = config.block(AblationOptions)
        if wanted is not None:
            check_tested(config, AblationOptions.key, wanted.methods)

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `ablation.compute`."""
        from l2xbench.studies.ablation.compute import compute

        return compute(network, pair, options, given)

    def tables(self, results: Results) -> list[Table]:
        """`ablation`, `ablation_psnr` and `ablation_ssim`."""
        from l2xbench.studies.ablation.tables import ablation_tables

        return ablation_tables(results)

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """The paper's Fig. 3(a), all methods side by side, and cost against faithfulness."""
        from l2xbench.studies.ablation.figures import owed_figures

        return owed_figures(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """See `ablation.section`."""
        from l2xbench.studies.ablation.section import ablation_section

        return [ablation_section(results, tables)] if tables else []

    def measures(self, results: Results) -> list[ImageMeasure]:
        """The gap to random order."""
        from l2xbench.studies.ablation.per_image import measures

        return measures(results)

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `ablation.findings`."""
        from l2xbench.studies.ablation.findings import ablation_findings

        return ablation_findings(results)

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """The table in brief."""
        from l2xbench.studies.ablation.tables import brief

        return Summary("PSNR (dB) by masked share", brief(tables["ablation_psnr"].frame)) if tables else None


STUDY = Ablation()
