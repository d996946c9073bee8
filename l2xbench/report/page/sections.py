"""The page's sections: those of every study, and the viewer of images among them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from l2xbench.draw.inline import inline_png, shown_width
from l2xbench.draw.tables import Table
from l2xbench.report.page.viewer import Viewer
from l2xbench.report.tables import study_tables
from l2xbench.store.derived import figure_paths
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.studies.registry import all_studies
from l2xbench.studies.study import Finding, Section, Study

_TEMPLATES = Path(__file__).parent / "templates"
MOST_FIGURES = 24
"""A section shows no more: a page of a thousand windows would take minutes to load."""
VIEWER_ORDER = 15
"""Where the viewer stands among the studies, see `Study.order`: after the tables of restoration."""


@dataclass
class PageSection:
    """A section as the page's template shows it: each part is HTML, then figures, then tables."""

    anchor: str
    link: str
    title: str
    parts: list[tuple[Markup, PageFigures, Sequence[Table]]] = field(default_factory=list)


@dataclass(frozen=True)
class PageFigure:
    """A drawn figure of a study."""

    name: str
    address: str
    """The address of its picture, or the picture itself where the page is one file."""
    width: int
    """In a browser's pixels."""


@dataclass(frozen=True)
class PageFigures:
    """The figures of a section's part."""

    shown: Sequence[PageFigure] = ()
    left_out: int = 0


def environment() -> Environment:
    """Templates of the page, and their macros; what they show is escaped."""
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_sections(newest: Sequence[Results], viewer: Viewer) -> list[PageSection]:
    """All sections in the order of their studies, each of the newest run that gives it."""
    templates = environment()
    found: dict[str, PageSection] = {}
    for run, section in _in_order(newest, viewer):
        place = found.setdefault(section.anchor, PageSection(section.anchor, section.link, section.title))
        figures = page_figures(run.store, section.figures, embed=viewer.embed)
        place.parts.append((_html(templates, section), figures, section.tables))
    return list(found.values())


def linked_findings(findings: Iterable[Finding], sections: Iterable[PageSection]) -> list[tuple[str, str, str]]:
    """Each sentence with the address of its table on the page, and the title of that table's section.

    Both are empty where no section shows the table.
    """
    where = {
        table.name: (f"#table-{table.name}", section.link)
        for section in sections
        for *_, tables in section.parts
        for table in tables
    }
    return [(finding.sentence, *where.get(finding.table, ("", ""))) for finding in findings]


def page_figures(store: Store, names: Sequence[str], *, embed: bool) -> PageFigures:
    """The first of the figures of these names, as far as they could be drawn, and how many more there are.

    Args:
        store: where they lie.
        names: of their files.
        embed: whether the page holds the pictures, in fewer pixels and colours, or loads them from its folder.
    """
    there = [(name, path) for name in names if (path := store.root / figure_paths(name)["png"]).is_file()]
    shown = []
    for name, path in there[:MOST_FIGURES]:
        with Image.open(path) as opened:
            width = shown_width(opened)
        address = _inside(path) if embed else quote(figure_paths(name)["png"])
        shown.append(PageFigure(name, address, width))
    return PageFigures(shown, len(there) - len(shown))


def _inside(path: Path) -> str:
    """A picture as its own address."""
    small, _ = inline_png(path.read_bytes())
    return f"data:image/png;base64,{base64.b64encode(small).decode()}"


def _in_order(newest: Sequence[Results], viewer: Viewer) -> Iterator[tuple[Results, Section]]:
    images: list[tuple[Results, Section]] = []
    if viewer.count:
        title = "Images and maps"
        template = _TEMPLATES / "viewer.html"
        images.append((newest[0], Section("images", title, title, template=template, context=viewer.context)))
    for study in all_studies():
        if study.order > VIEWER_ORDER:
            yield from images
            images = []
        yield from _of_newest(newest, study)
    yield from images


def _of_newest(newest: Sequence[Results], study: Study) -> list[tuple[Results, Section]]:
    for run in newest:
        sections = study.sections(run, run.once(study_tables)[study.name])
        if sections:
            return [(run, section) for section in sections]
    return []


def _html(templates: Environment, section: Section) -> Markup:
    if section.template is None:
        return Markup("")
    template: Any = templates.from_string(section.template.read_text(encoding="utf-8"))
    return Markup(template.render(**section.context))
