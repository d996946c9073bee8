"""What the tables of a results folder say, in sentences: the top of the page, and `tables/findings.md`."""

from __future__ import annotations

from collections.abc import Sequence

from l2xbench.draw.markup import markdown
from l2xbench.report.tables import study_tables
from l2xbench.run.results import newest_first
from l2xbench.store.results import Results
from l2xbench.studies.registry import all_studies
from l2xbench.studies.study import Finding

PATH = "tables/findings.md"
HEAD = "What the tables say; numbers in brackets are 95 % intervals over images.\n\n"
MOST = 12
"""More sentences than this are not read; what is more important comes first."""


def all_findings(runs: Sequence[Results]) -> list[Finding]:
    """The sentences of every study, each study's from the newest run that has tables of it, by importance.

    Where there are too many, each study keeps as many as the others: its first, then its second, and so on.

    Args:
        runs: of one results folder, at least one.
    """
    newest = newest_first(runs)
    found: list[tuple[int, int, Finding]] = []
    for place, study in enumerate(all_studies()):
        told = (run.once(study_findings)[study.name] for run in newest if run.once(study_tables)[study.name])
        counts: dict[int, int] = {}
        for finding in next(told, []):
            counts[finding.importance] = counts.get(finding.importance, 0) + 1
            found.append((counts[finding.importance], place, finding))
    kept = sorted(found, key=lambda each: (each[2].importance, each[0], each[1]))[:MOST]
    return [finding for _, _, finding in sorted(kept, key=lambda each: (each[2].importance, each[1], each[0]))]


def study_findings(results: Results) -> dict[str, list[Finding]]:
    """Study -> its sentences about one run, none where it has no tables of it; `Results.once` makes them once."""
    tables = results.once(study_tables)
    return {
        study.name: list(study.findings(results, tables[study.name])) if tables[study.name] else []
        for study in all_studies()
    }


def write_findings(runs: Sequence[Results]) -> list[Finding]:
    """Writes `tables/findings.md`, and gives what is in it: see `all_findings`."""
    found, store = all_findings(runs), newest_first(runs)[0].store
    if found:
        store.write_text(PATH, HEAD + "".join(_line(finding) for finding in found))
    elif (store.root / PATH).is_file():  # of tables that are no longer there
        store.write_text(PATH, "")
    return found


def _line(finding: Finding) -> str:
    table = f" ([{markdown(finding.table)}]({finding.table}.md))" if finding.table else ""
    return f"- {markdown(finding.sentence)}{table}\n"
