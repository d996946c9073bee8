"""Which LR pixels the centre of the SR image depends on: the effective receptive field.

`field` is one image's, `area` what is said of the mean over images; `options` is the YAML's block, `compute` one unit,
`means` the means over records, which `tables`, `figures` (drawn by `figure`) and `findings` show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.erf.options import ErfOptions
from l2xbench.studies.study import Finding, Options, Section, SizesOfImages, Study, Summary
from l2xbench.words import words

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.studies.figures import OwedFigure
    from l2xbench.zoo.network import Network


class Erf(Study):
    """The centre SR pixel's gradient and multipliers."""

    name = "erf"
    version = 1
    order = 37
    blocks = (ErfOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One unit a kind of field."""
        wanted = config.block(ErfOptions)
        if wanted is None:
            return []
        seen = {"variant": wanted.variant, "size": wanted.size}
        reference = {"reference": wanted.reference}
        return [(of, {"of": of, **seen, **(reference if of == "multipliers" else {})}) for of in wanted.of]

    def check(self, config: StudyConfig) -> None:
        """The reference."""
        from l2xbench.studies.attribution.checks import check_reference

        wanted = config.block(ErfOptions)
        if wanted is not None:
            check_reference("erf.reference", wanted.reference)

    def check_sizes(self, config: StudyConfig, sizes: Callable[[], SizesOfImages]) -> None:
        """That an image is as large as what networks are to see."""
        wanted = config.block(ErfOptions)
        if wanted is not None and wanted.variant == "crop":
            sides = [min(size) for images in sizes().values() for size in images.values()]
            if sides and max(sides) < wanted.size:
                lr = words(config.scale).lr
                raise RequestError(
                    f"erf.size: no image has {wanted.size} {lr} pixels a side; the largest that fits is "
                    f"{max(sides)}, and with erf.variant mambair any does"
                )

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `erf.compute`."""
        from l2xbench.studies.erf.compute import compute

        assert network is not None
        return compute(network, pair, options)

    def tables(self, results: Results) -> list[Table]:
        """`erf`."""
        from l2xbench.studies.erf.tables import erf_table

        return [erf_table(results)]

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """A figure a dataset and kind: the networks side by side, in both scalings that papers use."""
        from l2xbench.studies.erf.figures import owed_figures

        return owed_figures(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """The table."""
        if not tables:
            return []
        names = self.figure_names(results)
        return [Section("erf", "Receptive field", "Effective receptive field", [tables["erf"]], figures=names)]

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `erf.findings`."""
        from l2xbench.studies.erf.findings import erf_findings
        from l2xbench.studies.erf.means import mean_fields

        return erf_findings(results.once(mean_fields), results.manifest.seed, results.config.scale)

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """The radii."""
        from l2xbench.studies.erf.tables import radii

        title = f"radius in {words(results.config.scale).lr} pixels that holds a share"
        return Summary(title, radii(tables["erf"].frame)) if tables else None


STUDY = Erf()
