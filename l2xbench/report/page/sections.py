"""The page's sections: those of every study, and the viewer of images among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from l2xbench.draw.tables import Table
from l2xbench.report.page.viewer import Viewer
from l2xbench.report.tables import study_tables
from l2xbench.store.results import Results
from l2xbench.studies.registry import all_studies
from l2xbench.studies.study import Finding, Section, Study

_TEMPLATES = Path(__file__).parent / "templates"
VIEWER_ORDER = 15
"""Where the viewer stands among the studies, see `Study.order`: after the tables of restoration."""


@dataclass
class PageSection:
    """A section as the page's template shows it: each part is HTML, then tables."""

    anchor: str
    link: str
    title: str
    parts: list[tuple[Markup, Sequence[Table]]] = field(default_factory=list)


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
    for section in _in_order(newest, viewer):
        place = found.setdefault(section.anchor, PageSection(section.anchor, section.link, section.title))
        place.parts.append((_html(templates, section), section.tables))
    return list(found.values())


def linked_findings(findings: Iterable[Finding], sections: Iterable[PageSection]) -> list[tuple[str, str, str]]:
    """Each sentence with the address of its table on the page, and the title of that table's section.

    Both are empty where no section shows the table.
    """
    where = {
        table.name: (f"#table-{table.name}", section.link)
        for section in sections
        for _, tables in section.parts
        for table in tables
    }
    return [(finding.sentence, *where.get(finding.table, ("", ""))) for finding in findings]


def _in_order(newest: Sequence[Results], viewer: Viewer) -> Iterator[Section]:
    images: list[Section] = []
    if viewer.count:
        title = "Images and maps"
        images.append(Section("images", title, title, template=_TEMPLATES / "viewer.html", context=viewer.context))
    for study in all_studies():
        if study.order > VIEWER_ORDER:
            yield from images
            images = []
        yield from _of_newest(newest, study)
    yield from images


def _of_newest(newest: Sequence[Results], study: Study) -> list[Section]:
    for run in newest:
        sections = study.sections(run, run.once(study_tables)[study.name])
        if sections:
            return sections
    return []


def _html(templates: Environment, section: Section) -> Markup:
    if section.template is None:
        return Markup("")
    template: Any = templates.from_string(section.template.read_text(encoding="utf-8"))
    return Markup(template.render(**section.context))
