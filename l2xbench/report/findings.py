"""What a run's tables say, in sentences: `tables/findings.md`."""

from __future__ import annotations

from l2xbench.draw.markup import markdown
from l2xbench.report.tables import study_tables
from l2xbench.store.results import Results
from l2xbench.studies.registry import all_studies


def findings(results: Results) -> list[str]:
    """The sentences of every study, in their order."""
    tables = results.once(study_tables)
    return [sentence for study in all_studies() for sentence in study.findings(results, tables[study.name])]


def as_markdown(sentences: list[str]) -> str:
    """The sentences as a list."""
    return "".join(f"- {markdown(sentence)}\n" for sentence in sentences)
