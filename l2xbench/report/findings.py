"""What the tables of a results folder say, in sentences: `tables/findings.md`."""

from __future__ import annotations

from collections.abc import Sequence

from l2xbench.draw.markup import markdown
from l2xbench.report.tables import study_tables
from l2xbench.run.results import newest_first
from l2xbench.store.results import Results
from l2xbench.studies.registry import all_studies

PATH = "tables/findings.md"


def write_findings(runs: Sequence[Results]) -> list[str]:
    """Writes and gives the sentences of every study, each from the newest run that has tables of it.

    Args:
        runs: of one results folder, at least one.
    """
    newest = newest_first(runs)
    sentences: list[str] = []
    for study in all_studies():
        tables = ((run, run.once(study_tables)[study.name]) for run in newest)
        run, found = next(((run, found) for run, found in tables if found), (newest[0], {}))
        sentences += study.findings(run, found)
    store = newest[0].store
    if sentences:
        store.write_text(PATH, "".join(f"- {markdown(sentence)}\n" for sentence in sentences))
    elif (store.root / PATH).is_file():  # of tables that are no longer there
        store.write_text(PATH, "")
    return sentences
