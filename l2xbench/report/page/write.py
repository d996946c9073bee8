"""The page from records: what it shows, as one file or beside a folder of images."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.colors import to_hex

from l2xbench.draw.colormap import BACKDROP, PALETTES, palette_table
from l2xbench.draw.panels import target_box
from l2xbench.draw.tables import Cell, Sheet
from l2xbench.report.findings import Findings, failures_table
from l2xbench.report.page.charts import ablation_charts, cost_chart, legend
from l2xbench.report.page.data import data_size, image_data, script_json
from l2xbench.run.progress import Progress
from l2xbench.run.results import all_failures
from l2xbench.store.derived import DerivedFiles, find_derived, write_derived
from l2xbench.store.store import Store
from l2xbench.studies.ablation.cost_figure import cost_spots, numbered
from l2xbench.studies.ablation.tables import groups
from l2xbench.studies.shared.pictures import AT_ONCE, ImageRecords, fitting_images, image_records
from l2xbench.studies.similarity.matrix import DARK, SHADES, printed_cka
from l2xbench.studies.similarity.tables import similarity_matrices
from l2xbench.system.inorder import in_order

NAME = "report.html"
FOLDER = "report_files"
DATA_VERSION = 1
MOST_IN_ONE_FILE = 32 * 2**20
"""A page of more bytes gets a folder: browsers read the whole of one file before they show any."""

_HERE = Path(__file__).parent
_READERS = 4
"""Threads that read and pack an image's files, which are decoded without holding Python's lock."""


@dataclass(frozen=True)
class Page:
    """What was written."""

    path: Path
    size: int
    """Bytes of the page."""
    beside: int
    """Bytes of what it loads when it is wanted; 0 where it is one file."""
    images: int


def write_page(store: Store, findings: Sequence[Findings], progress: Progress, *, one_file: bool | None = None) -> Page:
    """Writes `report.html` from all runs of a results folder.

    Tables and images are the whole study's; the ablation and the similarity are of the newest run that has them. Of a
    study of very many records the first images are shown.

    Args:
        store: the results folder.
        findings: of each of its runs, at least one.
        progress: told of each image.
        one_file: whether pictures and maps are inside the page, or it loads them from the folder it lies in; by
            default inside where that makes no more than `MOST_IN_ONE_FILE` bytes.
    """
    newest = sorted(findings, key=lambda one: str(one.run.manifest["finished"]), reverse=True)
    main = next((one for one in newest if one.run.only is None), newest[0])
    seen = next((one for one in (main, *newest) if _has_maps(one)), main)
    fitting = fitting_images(seen.run.manifest, seen.run.records, AT_ONCE)
    images = list(image_records(seen.run.manifest, seen.run.records, fitting))
    sizes = [data_size(seen.run.manifest, of) for of in images]
    maps, pictures = sum(size for size, _ in sizes), sum(size for _, size in sizes)
    embed = maps + pictures * 4 // 3 <= MOST_IN_ONE_FILE if one_file is None else one_file
    if images:
        progress.start(len(images))
    entries, embedded, beside = [], [], 0

    def data(of: ImageRecords) -> str:
        return script_json(image_data(store, seen.run.manifest, of, embed=embed))

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
    beside += 0 if embed else pictures
    progress.working("page")
    target = (seen.run.manifest["study"]["attribution"] or {"target": "image"})["target"]
    index = {
        "scale": seen.run.manifest["study"]["scale"],
        "target": target,
        "box": target_box(target),
        "images": entries,
        "backdrop": BACKDROP,
        "palettes": {name: base64.b64encode(palette_table(name).tobytes()).decode() for name in PALETTES},
        "palette": (seen.run.manifest["study"]["heatmaps"] or {"palette": PALETTES[0]})["palette"],
    }
    code = "\n".join((_HERE / "static" / name).read_text(encoding="utf-8") for name in ("tables.js", "viewer.js"))
    context = {
        "main": main.run.manifest,
        "networks": sum(name in main.run.manifest["study"]["models"] for name in main.run.manifest["models"]),
        "count": len(entries),
        "tables": main.tables,
        "images": [(name, list(of)) for name, of in groupby(enumerate(entries), key=lambda pair: pair[1]["dataset"])],
        "left_out": sum(len(entry["images"]) for entry in seen.run.manifest["datasets"].values())
        - sum(map(len, fitting.values())),
        "methods": list(dict.fromkeys(method for of in images for method in of.explained)),
        "explained": seen.run.manifest["study"]["attribution"],
        "by_image": _by_image(images, seen.run.manifest["study"]["models"]),
        "ablation": _ablation(newest),
        "squares": _squares(newest),
        "failures": failures_table(all_failures(one.run for one in findings)),
        "runs": [_about(one) for one in newest],
        "missing": [(one.run.name, one.run.missing) for one in newest if one.run.missing],
        "palettes": PALETTES,
        "embed": embed,
        "beside": _bytes(beside),
        "folder": FOLDER,
        "styles": Markup((_HERE / "static" / "report.css").read_text(encoding="utf-8")),
        "scripts": Markup(code),
        "script_hash": base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
        "index": Markup(script_json(index)),
        "embedded": [Markup(text) for text in embedded],
    }
    template = _environment().get_template("report.html")
    # the page tells its own size, which its telling hardly changes
    size = len(template.render(size="00.0 MB", **context).encode())
    path = store.write_text(NAME, template.render(size=_bytes(size), **context))
    return Page(path, size, beside, len(images))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["bytes"] = _bytes
    return environment


def _has_maps(findings: Findings) -> bool:
    return next(findings.run.records.of_studies("attribution").groups(), None) is not None


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


def _ablation(newest: Sequence[Findings]) -> dict[str, Any] | None:
    found = next((one for one in newest if one.curves), None)
    if found is None:
        return None
    manifest = found.run.manifest
    shown = []
    for _, title, curves in groups(found.curves, manifest):
        spots = cost_spots(curves, found.run.records, manifest["seed"])
        shown.append(
            {
                "title": title,
                "networks": ablation_charts(curves, manifest["seed"]),
                "legend": legend(curves),
                "cost": cost_chart(spots) if spots else None,
                "cost_legend": legend(spots),
                "numbers": list(numbered(spots)),
            }
        )
    tables = [found.tables[name] for name in ("ablation_psnr", "ablation_ssim")]
    return {"groups": shown, "tables": tables, "device": found.run.device}


def _squares(newest: Sequence[Findings]) -> dict[str, Any] | None:
    """The CKA of each dataset as rows of cells."""
    found = next((one for one in newest if not one.similarity.empty), None)
    if found is None:
        return None
    manifest = found.run.manifest
    squares = []
    for dataset, matrix, part in similarity_matrices(manifest, found.similarity):
        tips = {(row["model_a"], row["model_b"]): _pair_tip(row) for row in part.to_dict("records")}
        rows = []
        for i, name in enumerate(matrix.names):
            cells = []
            for j, other in enumerate(matrix.names):
                value = matrix.values[i, j]
                known = not pd.isna(value)
                cells.append(
                    {
                        "text": printed_cka(value, matrix.digits),
                        "shade": to_hex(SHADES(value)) if known else None,
                        "dark": known and value > DARK,
                        "doubtful": bool(matrix.doubtful[i, j]),
                        "tip": tips.get((name, other)) or tips.get((other, name), ""),
                    }
                )
            rows.append((name, cells))
        remark = matrix.remark if matrix.doubtful.any() else ""
        squares.append(
            {"dataset": dataset, "title": matrix.title, "names": matrix.names, "rows": rows, "remark": remark}
        )
    return {"squares": squares, "table": found.tables["cka"]}


def _pair_tip(row: Mapping[Any, Any]) -> str:
    told = [] if pd.isna(row["low"]) else [f"interval {row['low']:.3f} to {row['high']:.3f}"]
    told += [
        f"{said} {row[name]:.3g}"
        for name, said in (("p_value", "p"), ("chance", "chance level"))
        if not pd.isna(row[name])
    ]
    return f"{row['model_a']} and {row['model_b']}: {', '.join([*told, row['warning']])}".rstrip(", ")


def _about(findings: Findings) -> dict[str, Any]:
    manifest = findings.run.manifest
    keys = ("l2xbench", "command", "started", "finished", "seconds", "python", "platform", "device", "threads", "seed")
    versions = manifest.get("versions", {})
    return {
        "name": findings.run.name,
        "facts": [(key, manifest[key]) for key in keys if key in manifest]
        + [("versions", ", ".join(f"{name} {version}" for name, version in versions.items()))],
        "models": manifest["models"],
        "datasets": manifest["datasets"],
        "study": yaml.safe_dump(manifest["study"], sort_keys=False, allow_unicode=True),
        "json": json.dumps(manifest, indent=2, ensure_ascii=False),
    }


def _bytes(count: int) -> str:
    """A size as people read it."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
