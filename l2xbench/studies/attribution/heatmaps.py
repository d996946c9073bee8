"""The heatmap figures that a study owes (the paper's Fig. 2): one for each image and method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from l2xbench.draw.heatmaps import heatmap_bytes
from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.records import Records
from l2xbench.store.store import Store
from l2xbench.store.units import GroupName
from l2xbench.studies.shared.figures import Draw, OwedFigure
from l2xbench.studies.shared.pictures import ImageRecords, Pictures, image_records

VERSION = 4
"""The version of the figures; a new one makes kept ones be drawn again."""


def owed_heatmaps(
    store: Store, manifest: Mapping[str, Any], records: Records, chosen: Mapping[str, list[str]] | None = None
) -> Iterator[OwedFigure]:
    """A figure for each image and method that the study asks to be seen; controls have maps too, but none.

    Args:
        store: where the records' files lie.
        manifest: the study, its networks and images.
        records: its own.
        chosen: the images wanted, by dataset; all by default.
    """
    study = manifest["study"]
    if study["heatmaps"] is None or study["attribution"] is None:
        return
    for found in image_records(manifest, records, chosen):
        for method in study["attribution"]["methods"]:
            if method in found.explained:
                yield _heatmap(store, study, found, method)


def is_shown(study: Mapping[str, Any], group: GroupName) -> bool:
    """Whether the heatmaps of an image show what a group of records holds of it."""
    methods = (study["attribution"] or {"methods": []})["methods"]
    return group.study == "restoration" or (group.study == "attribution" and group.label in methods)


def _heatmap(store: Store, study: Mapping[str, Any], found: ImageRecords, method: str) -> OwedFigure:
    inputs, explained = found.inputs, found.explained[method]
    label = "" if method == "l2x" else f"-{method}"
    keys = [record.key for name in explained for record in (found.restored[name], explained[name])]
    files = DerivedFiles(
        kind="heatmap",
        version=VERSION,
        name=inputs.image,
        paths=figure_paths(f"heatmap-{inputs.dataset}-{inputs.image}{label}"),
        decided_by={**study["heatmaps"], "records": keys, "names": list(explained)},
        dataset=inputs.dataset,
        label=method,
        image_digest=inputs.key,
    )

    def prepare() -> Draw:
        panel = Pictures(store, study, found).panel(method, zoomed=True)
        return partial(heatmap_bytes, panel, str(study["heatmaps"]["palette"]))

    return OwedFigure(files, f"{inputs.dataset} {inputs.image} {method}", prepare)
