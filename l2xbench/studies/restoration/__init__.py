"""Super-resolution and its fidelity: the paper's Table 1.

`options` is the YAML's block, `units` what is owed, `compute` one unit, `tables` the two tables, `leaders` what is
marked in them, `per_image` what networks are compared by, `findings` what is said of the interpolation, `suspects`
whose input may be amiss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.restoration.options import RestorationOptions
from l2xbench.studies.restoration.units import measured
from l2xbench.studies.study import Finding, ImageMeasure, Options, Section, Study, Summary

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.zoo.network import Network


class Restoration(Study):
    """The SR image of each network and its PSNR and SSIM."""

    name = "restoration"
    version = 5
    order = 10
    blocks = (RestorationOptions,)
    of_interpolation = True

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One unit an image and network."""
        return [("", measured(config))]

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `restoration.compute`."""
        from l2xbench.studies.restoration.compute import compute

        return compute(network, pair, options)

    def tables(self, results: Results) -> list[Table]:
        """`restoration` and `table1`."""
        from l2xbench.studies.restoration.tables import tables_of

        return tables_of(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """Table 1."""
        return [Section("restoration", "Restoration", "Restoration", [tables["table1"]])] if tables else []

    def measures(self, results: Results) -> list[ImageMeasure]:
        """PSNR and SSIM."""
        from l2xbench.studies.restoration.per_image import measures

        return measures(results)

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `restoration.findings`."""
        from l2xbench.studies.restoration.findings import beyond_interpolation

        return beyond_interpolation(results)

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """The means; `cost` tells the seconds."""
        if not tables:
            return None
        from l2xbench.studies.restoration.suspects import far_below

        frame = tables["restoration"].frame
        return Summary(
            "mean PSNR (dB) and SSIM", frame.drop(columns="seconds"), far_below(frame, results.config.interpolation)
        )


STUDY = Restoration()
