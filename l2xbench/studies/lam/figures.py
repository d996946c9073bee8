"""The figures that LAM owes: one for each window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby

from l2xbench.data.known_sets import find_set
from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.records import records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.figures import Draw, OwedFigure
from l2xbench.studies.lam.options import LamOptions
from l2xbench.studies.lam.tables import Shown, shown_maps

VERSION = 2
"""The version of the figures; a new one makes kept ones be drawn again."""


def owed_figures(results: Results) -> Iterator[OwedFigure]:
    """`lam-<dataset>-<image>-<window>`."""
    wanted = results.config.block(LamOptions)
    if wanted is None:
        return
    inputs = {(record.dataset, record.image): record for record in records_of_studies(results.records, "inputs")}
    for (dataset, image, window), each in groupby(results.once(shown_maps), key=lambda one: one.case):
        maps = list(each)
        if (dataset, image) in inputs:
            name = f"lam-{dataset}-{image}-{'-'.join(map(str, window))}"
            files = DerivedFiles(
                kind="lam-figure",
                version=VERSION,
                name=name,
                paths=figure_paths(name),
                decided_by={
                    "records": [one.record.key for one in maps],
                    "names": [one.record.model for one in maps],
                    "width": wanted.width,
                },
                dataset=dataset,
                image_digest=inputs[dataset, image].key,
            )
            prepare = partial(_prepared, results, maps, inputs[dataset, image].files, wanted.width)
            yield OwedFigure(files, name, prepare, f"LAM on {dataset}")


def _prepared(results: Results, maps: list[Shown], inputs: Mapping[str, str], width: str) -> Draw:
    from l2xbench.studies.lam.figure import LamMap, LamNetwork, LamPanel, lam_bytes

    store = results.store
    networks = []
    for model, each in groupby(maps, key=lambda one: one.record.model):
        found = list(each)
        shown = [
            LamMap(
                method=one.method,
                values=store.load_arrays(one.record.files["map"])["values"],
                di=_number(one.record.values["di"]),
                seconds=_number(one.record.values["seconds"]),
            )
            for one in found
        ]
        psnr = found[0].record.values["psnr"]
        patch = store.load_image(found[0].record.files["patch"])
        networks.append(LamNetwork(model, shown, patch, None if psnr is None else _number(psnr)))
    dataset, image, window = maps[0].case
    tells = len(results.manifest.datasets) > 1 or find_set(dataset) is not None
    panel = LamPanel(
        dataset=dataset if tells else "",
        image=image,
        window=window,
        scale=results.config.scale,
        lr=store.load_image(inputs["lr"]),
        hr=store.load_image(inputs["hr"]) if "hr" in inputs else None,
        networks=networks,
    )
    return partial(lam_bytes, panel, width)


def _number(value: object) -> float:
    assert isinstance(value, (int, float))
    return float(value)
