"""The figures that reach owes: one for each dataset and method."""

from __future__ import annotations

from collections.abc import Iterator

from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.results import Results
from l2xbench.studies.figures import OwedFigure, drawn_by
from l2xbench.studies.reach.figure import ReachLine, reach_figure
from l2xbench.studies.reach.means import Reach, by_method
from l2xbench.studies.reach.options import ReachOptions
from l2xbench.studies.shared.intervals import image_interval, image_mean
from l2xbench.studies.shared.places import patch_size
from l2xbench.studies.shared.sentences import patches_of_images

VERSION = 2
"""The version of the figures; a new one makes kept ones be drawn again."""
_NOTE = "Grey: under the patch."


def owed_figures(results: Results) -> Iterator[OwedFigure]:
    """`reach-<dataset>` of the first method, `reach-<dataset>-<method>` of others."""
    seed, scale = results.manifest.seed, results.config.scale
    wanted = results.config.block(ReachOptions) or ReachOptions()
    side = patch_size(wanted.size, scale) / scale / 2
    for dataset, method, title, networks in shown_networks(results):
        name = f"reach-{dataset}" if method == wanted.methods[0] else f"reach-{dataset}-{method}"
        images, patches = (
            max(each) for each in zip(*((len(one.images), one.patches) for one in networks), strict=True)
        )
        several = f"{patches} patches of {images} image{'' if images == 1 else 's'}"
        title = f"{dataset} ({several}), {method}: share of a patch's map beyond a distance"
        decided = {
            "records": [list(one.keys) for one in networks],
            "names": [one.model for one in networks],
            "seed": seed,
            "side": side,
            "title": title,
        }
        files = DerivedFiles("reach-figure", VERSION, name, figure_paths(name), decided, dataset)
        draw = drawn_by(reach_figure, reach_lines(networks, seed), title, side, _NOTE, scale)
        yield OwedFigure(files, name, draw, f"reach on {dataset}" if method == wanted.methods[0] else "")


def shown_networks(results: Results) -> Iterator[tuple[str, str, str, list[Reach]]]:
    """Each dataset and method, a title, and its networks."""
    for (dataset, method), networks in by_method(results).items():
        several = patches_of_images(max(one.patches for one in networks), max(len(one.images) for one in networks))
        yield dataset, method, f"{dataset} ({several}), {method}: share of a patch's map beyond a distance", networks


def reach_lines(networks: list[Reach], seed: int) -> list[ReachLine]:
    """Each network's mean curve and its band."""
    return [ReachLine(one.model, image_mean(one.curve), *image_interval(one.curve, seed)) for one in networks]
