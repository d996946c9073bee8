"""The page from records: what it shows, as one file or beside a folder of images."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from l2xbench.report.findings import all_findings
from l2xbench.report.page.data import script_json
from l2xbench.report.page.sections import environment, linked_findings, page_sections
from l2xbench.report.page.viewer import FOLDER, image_view, make_viewer
from l2xbench.report.tables import failures_table, sources_table
from l2xbench.run.progress import Progress
from l2xbench.run.results import all_failures, newest_first
from l2xbench.store.records import Failure
from l2xbench.store.results import Results

NAME = "report.html"
_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Page:
    """What was written."""

    path: Path
    size: int
    """Bytes of the page."""
    beside: int
    """Bytes of what it loads when it is wanted; 0 where it is one file."""
    images: int


def write_page(
    runs: Sequence[Results], progress: Progress, *, one_file: bool | None = None, undrawn: Sequence[Failure] = ()
) -> Page:
    """Writes `report.html` from all runs of a results folder.

    Each section is of the newest run that gives it, the whole study's first; images are of the newest run with maps.

    Args:
        runs: of one results folder, at least one.
        progress: told of each image.
        one_file: whether pictures and maps are inside the page, or it loads them from the folder it lies in; by
            default inside where that makes no more than `MOST_IN_ONE_FILE` bytes.
        undrawn: figures that could not be drawn.
    """
    newest = newest_first(runs)
    main = next((run for run in newest if run.manifest.only is None), newest[0])
    view = image_view()
    mapped = next((run for run in (main, *newest) if view.has_maps(run.records)), main)
    viewer = make_viewer(view, mapped, progress, one_file)
    progress.working("page")
    code = "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in ("tables.js", "viewer.js"))
    sections = page_sections(newest, viewer)
    context = {
        "main": main.manifest,
        "networks": sum(name in main.config.models for name in main.manifest.models),
        "count": sum(digest is not None for each in main.manifest.datasets.values() for digest in each.images.values()),
        "findings": linked_findings(all_findings(runs), sections),
        "sections": sections,
        "failures": failures_table([*all_failures(runs), *undrawn]),
        "runs": [_about(run) for run in newest],
        "missing": [(run.name, run.missing) for run in newest if run.missing],
        "embed": viewer.embed,
        "beside": _bytes(viewer.beside),
        "folder": FOLDER,
        "styles": Markup((_STATIC / "report.css").read_text(encoding="utf-8")),
        "scripts": Markup(code),
        "script_hash": base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
        "index": Markup(script_json(viewer.index)),
        "embedded": [Markup(text) for text in viewer.embedded],
    }
    template = environment().get_template("report.html")
    # the page tells its own size, which its telling hardly changes
    size = len(template.render(size="00.0 MB", **context).encode(errors="backslashreplace"))
    path = main.store.write_text(NAME, template.render(size=_bytes(size), **context))
    return Page(path, size, viewer.beside, viewer.count)


_FACTS = ("l2xbench", "command", "started", "finished", "seconds", "python", "platform", "device", "threads", "seed")


def _about(run: Results) -> dict[str, Any]:
    manifest = run.manifest
    written = manifest.as_json()
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return {
        "name": run.name,
        "facts": [*((key, written[key]) for key in _FACTS if key in written), ("versions", versions)],
        "models": manifest.models,
        "datasets": manifest.datasets,
        "sources": sources_table(manifest) if manifest.sources else None,
        "study": yaml.safe_dump(written["study"], sort_keys=False, allow_unicode=True),
        "json": json.dumps(written, indent=2, ensure_ascii=False),
    }


def _bytes(count: int) -> str:
    """A size as people read it."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
