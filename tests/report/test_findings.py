"""Sentences stand at the top of the page and in a file, the important first, with the way to their tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from l2xbench.draw.tables import Table
from l2xbench.report import findings
from l2xbench.report.findings import MOST, all_findings, write_findings
from l2xbench.report.page.sections import PageSection, linked_findings
from l2xbench.run.results import read_runs
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.studies.registry import all_studies
from l2xbench.studies.study import Finding, Study
from tests.report.results import EVERYTHING, make_results


def test_each_study_speaks_of_the_newest_run_that_has_its_tables(tmp_path: Path) -> None:
    make_results(tmp_path)
    make_results(tmp_path, only="ablation", finished="2026-01-03T00:00:00+00:00", ablation={"ratios": [0.3]})
    runs = read_runs(Store(tmp_path))
    sentences = [finding.sentence for finding in write_findings(runs)]
    said = ("restore better than bicubic", "do not differ in PSNR", "masking random ones", "which knows no network")
    assert [words in sentence for words, sentence in zip(said, sentences, strict=True)] == [True] * 4
    text = (tmp_path / "tables/findings.md").read_text()
    assert text.startswith(
        "What the tables say; numbers in brackets are 95 % intervals over images.\n\n- On 3 images of "
    )
    assert "([table1](table1.md))\n- " in text


def test_every_table_that_a_sentence_names_is_there(tmp_path: Path) -> None:
    runs = read_runs(Store(make_results(tmp_path, **EVERYTHING)))
    found = all_findings(runs)
    assert 4 <= len(found) <= MOST
    names = {table for tables in runs[0].once(findings.study_tables).values() for table in tables}
    assert {finding.table for finding in found} <= names
    assert [one.importance for one in found] == sorted(one.importance for one in found)


def test_nothing_to_say_leaves_no_sentences_of_other_tables(tmp_path: Path) -> None:
    make_results(tmp_path, models=["edsr"], hr=False, attribution=None)
    assert write_findings(read_runs(Store(tmp_path))) == []
    assert not (tmp_path / "tables/findings.md").exists()
    (tmp_path / "tables").mkdir(exist_ok=True)
    (tmp_path / "tables/findings.md").write_text("- Something else.\n")
    write_findings(read_runs(Store(tmp_path)))
    assert (tmp_path / "tables/findings.md").read_text() == ""


class Talkative(Study):
    name = "restoration"
    order = 10

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        return [Finding(f"{number}.", importance=3 if number < 9 else 1) for number in range(20)]


def test_the_most_important_are_kept_where_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = read_runs(Store(make_results(tmp_path)))
    runs[0].once(findings.study_tables)
    others = [study for study in all_studies() if study.name != "restoration"]
    monkeypatch.setattr(findings, "all_studies", lambda: (Talkative(), *others))
    kept = all_findings(runs)
    mine = [finding.sentence for finding in kept if finding.table == ""]
    assert len(kept) == MOST and mine[:3] == ["9.", "10.", "11."]
    assert "differences" in [finding.table for finding in kept], "the others are heard too"
    assert [finding.importance for finding in kept] == sorted(finding.importance for finding in kept)


def test_a_sentence_leads_to_its_table_where_the_page_shows_it() -> None:
    import pandas as pd
    from markupsafe import Markup

    shown = Table("cka", pd.DataFrame({"model": ["edsr"]}), "CKA.")
    section = PageSection("similarity", "Similarity", "Similarity: CKA", [(Markup(""), [shown])])
    found = linked_findings([Finding("One.", "cka"), Finding("Two.", "cost"), Finding("Three.")], [section])
    assert found == [("One.", "#table-cka", "Similarity"), ("Two.", "", ""), ("Three.", "", "")]
