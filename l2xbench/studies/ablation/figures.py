"""Which figures the ablation owes: the paper's Fig. 3(a), all methods side by side, and cost against faithfulness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.records import records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.ablation.cost_figure import cost_figure, cost_spots
from l2xbench.studies.ablation.curves import Curve, make_curves
from l2xbench.studies.ablation.curves_figure import ablation_figure, methods_figure
from l2xbench.studies.ablation.options import AblationOptions
from l2xbench.studies.ablation.units import RANDOM, mapped_methods
from l2xbench.studies.figures import OwedFigure, drawn_by

VERSION = 5
"""The version of the figures; a new one makes kept ones be drawn again."""


def owed_figures(results: Results) -> Iterator[OwedFigure]:
    """`ablation*`, `ablation-methods*` and `cost-faithfulness*`, for each of `groups`."""
    if not results.once(make_curves):
        return
    seed, device = results.manifest.seed, results.manifest.measured_on
    method = mapped_methods(results.config)[0]
    keys = [record.key for record in records_of_studies(results.records, "ablation")]
    common: dict[str, Any] = {"models": list(results.manifest.models), "method": method, "seed": seed, "records": keys}
    for number, (suffix, title, shown) in enumerate(groups(results)):
        decided = {**common, "title": title}
        curves = drawn_by(ablation_figure, shown, method, title, seed)
        shown_as = "ablation" if number == 0 else ""
        yield OwedFigure(_files(f"ablation{suffix}", shown, decided), "the ablation", curves, shown_as)
        if any(curve.method == RANDOM for curve in shown):
            methods = drawn_by(methods_figure, shown, title, seed)
            yield OwedFigure(_files(f"ablation-methods{suffix}", shown, decided), "the ablation, all methods", methods)
        spots = cost_spots(shown, results.records, seed)
        if spots:
            decided["spots"] = [(s.method, s.model, s.seconds, s.gap, *s.interval) for s in spots]
            files = _files(f"cost-faithfulness{suffix}", shown, {**decided, "device": device})
            yield OwedFigure(files, "cost against faithfulness", drawn_by(cost_figure, spots, title, device))


def _files(name: str, shown: list[Curve], decided_by: Mapping[str, Any]) -> DerivedFiles:
    return DerivedFiles("figure", VERSION, name, figure_paths(name), dict(decided_by), shown[0].dataset)


def groups(results: Results) -> Iterator[tuple[str, str, list[Curve]]]:
    """Curves that belong in one figure (a dataset, granularity and order, with random order's): suffix, title, curves.

    The first of each has the plain name.
    """
    curves, wanted = results.once(make_curves), results.config.block(AblationOptions)
    if wanted is None:
        return
    datasets = list(dict.fromkeys(curve.dataset for curve in curves))
    for dataset in datasets:
        for granularity in wanted.granularity:
            for order in wanted.order:
                shown = [
                    curve
                    for curve in curves
                    if (curve.dataset, curve.granularity) == (dataset, granularity) and curve.order in (order, RANDOM)
                ]
                if not any(curve.method != RANDOM for curve in shown):
                    continue
                places = ((dataset, datasets[0]), (granularity, wanted.granularity[0]), (order, wanted.order[0]))
                suffix = "".join(f"-{name}" for name, first in places if name != first)
                count = max(len(curve.images) for curve in shown)
                title = f"{dataset} ({count} image{'' if count == 1 else 's'}), {granularity}s, {order} order"
                yield suffix, title, shown
