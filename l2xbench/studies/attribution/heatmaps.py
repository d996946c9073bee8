"""The heatmap figures that a study owes (the paper's Fig. 2): one for each image and method."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from l2xbench.draw.heatmaps import heatmap_bytes
from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.studies.attribution.options import AttributionOptions, HeatmapOptions
from l2xbench.studies.attribution.pictures import Pictures, image_records
from l2xbench.studies.figures import Draw, ImageSet, OwedFigure
from l2xbench.studies.image_view import ImageRecords

VERSION = 6
"""The version of the figures; a new one makes kept ones be drawn again."""


def owed_heatmaps(images: ImageSet) -> Iterator[OwedFigure]:
    """A figure for each image and method that the study asks to be seen; controls have maps too, but none."""
    maps, heatmaps = images.config.block(AttributionOptions), images.config.block(HeatmapOptions)
    if maps is None or heatmaps is None:
        return
    for found in image_records(images):
        for method in maps.methods:
            if method in found.explained:
                yield _heatmap(images, heatmaps, found, method)


def _heatmap(images: ImageSet, heatmaps: HeatmapOptions, found: ImageRecords, method: str) -> OwedFigure:
    inputs, explained = found.inputs, found.explained[method]
    label = "" if method == "l2x" else f"-{method}"
    keys = [record.key for name in explained for record in (found.restored[name], explained[name])]
    files = DerivedFiles(
        kind="heatmap",
        version=VERSION,
        name=inputs.image,
        paths=figure_paths(f"heatmap-{inputs.dataset}-{inputs.image}{label}"),
        decided_by={**heatmaps.model_dump(mode="json"), "records": keys, "names": list(explained)},
        dataset=inputs.dataset,
        label=method,
        image_digest=inputs.key,
    )

    def prepare() -> Draw:
        panel = Pictures(images.store, images.config, found).panel(method, zoomed=True)
        return partial(heatmap_bytes, panel, heatmaps.palette)

    return OwedFigure(files, f"{inputs.dataset} {inputs.image} {method}", prepare, "heatmaps")
