"""The page's viewer: images, SR images and maps of a run, in the page or in scripts beside it."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote

from l2xbench.draw.colormap import BACKDROP, PALETTES, palette_table
from l2xbench.draw.panels import target_box
from l2xbench.draw.scales import DECADES, SAID
from l2xbench.draw.tables import Cell, Sheet
from l2xbench.report.page.data import data_size, image_data, script_json
from l2xbench.run.progress import Progress
from l2xbench.store.derived import DerivedFiles, find_derived, write_derived
from l2xbench.store.results import Results
from l2xbench.studies.figures import ImageSet
from l2xbench.studies.image_view import ImageRecords, ImageView
from l2xbench.studies.registry import all_studies
from l2xbench.system.inorder import in_order
from l2xbench.words import words

FOLDER = "report_files"
DATA_VERSION = 2
MOST_IN_ONE_FILE = 32 * 2**20
"""A page of more bytes gets a folder: browsers read the whole of one file before they show any."""
_READERS = 4
"""Threads that read and pack an image's files, which are decoded without holding Python's lock."""


@dataclass(frozen=True)
class Viewer:
    """What the page shows of images.

    Attributes:
        count: how many images there are.
        embed: whether everything is inside the page.
        beside: bytes of what the page loads when it is wanted; 0 where it is one file.
        index: what the page's script begins with.
        embedded: each image's data as JSON, where it is inside the page.
        context: what the template `viewer.html` knows.
    """

    count: int
    embed: bool
    beside: int
    index: dict[str, Any]
    embedded: list[str]
    context: dict[str, Any]


def image_view() -> ImageView:
    """What the one study that shows images gives."""
    return next(study.image_view for study in all_studies() if study.image_view is not None)


def make_viewer(view: ImageView, results: Results, progress: Progress, one_file: bool | None) -> Viewer:
    """The viewer of a run's images: of a study of very many records, of the first.

    Args:
        view: gives records, pictures and maps.
        results: of the run.
        progress: told of each image.
        one_file: as `write_page` takes it.
    """
    store, config = results.store, results.config
    everything = ImageSet.of_results(results)
    fitting = view.fitting(everything)
    images = list(view.images(fitting))
    sizes = [data_size(of) for of in images]
    maps, pictures = sum(size for size, _ in sizes), sum(size for _, size in sizes)
    embed = maps + pictures * 4 // 3 <= MOST_IN_ONE_FILE if one_file is None else one_file
    if images:
        progress.start(len(images))
    entries, embedded, beside = [], [], 0

    def data(of: ImageRecords) -> str:
        return script_json(image_data(view, store, config, of, embed=embed))

    scripts = [None if embed else _script(of) for of in images]
    found = [None if script is None else find_derived(store, script) for script in scripts]
    made = in_order(data, [of for of, record in zip(images, found, strict=True) if record is None], _READERS)
    for of, script, known in zip(images, scripts, found, strict=True):
        progress.working(f"page: {of.inputs.dataset} {of.inputs.image}")
        entry = {
            "dataset": of.inputs.dataset,
            "image": of.inputs.image,
            "height": of.inputs.values["height"],
            "width": of.inputs.values["width"],
            "stops": ["LR", "SR", *(["HR"] if "hr" in of.inputs.files else []), *(["map"] if of.explained else [])],
        }
        if script is None:
            embedded.append(next(made))
        else:
            record = known or write_derived(store, script, {"data": _script_text(script, next(made))})
            entry["file"] = quote(script.paths["data"])
            beside += record.sizes["data"]
        entries.append(entry)
        progress.advance(1, reused=known is not None)
    shown = view.shown(config)
    target = shown.target if shown else "image"
    called = words(config.scale)
    index = {
        "scale": config.scale,
        "called": {"LR": called.lr, "SR": called.sr, "HR": called.hr},
        "target": target,
        "box": target_box(target),
        "images": entries,
        "backdrop": BACKDROP,
        "palettes": {name: base64.b64encode(palette_table(name).tobytes()).decode() for name in PALETTES},
        "palette": shown.palette if shown else PALETTES[0],
        "said": SAID,
        "decades": DECADES,
    }
    context = {
        "count": len(entries),
        "images": [(name, list(of)) for name, of in groupby(enumerate(entries), key=lambda pair: pair[1]["dataset"])],
        "left_out": sum(map(len, everything.images.values())) - sum(map(len, fitting.images.values())),
        "methods": list(dict.fromkeys(method for of in images for method in of.explained)),
        "shown": shown,
        "called": called,
        "by_image": _by_image(images, config.models),
        "palettes": PALETTES,
    }
    return Viewer(len(entries), embed, 0 if embed else beside + pictures, index, embedded, context)


def _script(of: ImageRecords) -> DerivedFiles:
    """An image's data as a script of its own, made anew when its records change.

    A script, since browsers let a page from disk load scripts and pictures beside it, and nothing else.
    """
    inputs = of.inputs
    keys = {
        "restored": {name: record.key for name, record in of.restored.items()},
        "explained": {method: {name: r.key for name, r in maps.items()} for method, maps in of.explained.items()},
    }
    paths = {"data": f"{FOLDER}/{inputs.dataset}/{inputs.image}.js"}
    return DerivedFiles(
        "page", DATA_VERSION, inputs.image, paths, keys, dataset=inputs.dataset, image_digest=inputs.key
    )


def _script_text(files: DerivedFiles, data: str) -> bytes:
    return f"l2xbenchImage({script_json(f'{files.dataset}/{files.name}')},{data});\n".encode()


def _by_image(images: Sequence[ImageRecords], networks: Collection[str]) -> Sheet | None:
    """PSNR of each image and network, and how far the networks lie apart; None where nothing was measured."""
    names = list(dict.fromkeys(name for of in images for name in of.restored))
    rows = []
    for of in images:
        measured = {name: record.number("psnr") for name, record in of.restored.items()}
        known = [value for name, value in measured.items() if value is not None and name in networks]
        spread = max(known) - min(known) if len(known) > 1 and math.isfinite(max(known)) else None
        numbers = [*(measured.get(name) for name in names), spread]
        rows.append([Cell(of.inputs.image), Cell(of.inputs.dataset), *map(_decibels, numbers)])
    if not any(cell.value is not None for row in rows for cell in row):
        return None
    caption = "PSNR (dB) of each image. Spread: between the best and the worst network. An image's name shows it."
    numeric = [False, False, *(True for _ in names), True]
    return Sheet([], ["Image", "Dataset", *names, "Spread"], numeric, rows, caption)


def _decibels(value: float | None) -> Cell:
    if value is None:
        return Cell("–")
    return Cell("∞" if math.isinf(value) else f"{value:.2f}", value=value)
