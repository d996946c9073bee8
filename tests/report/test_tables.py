"""The tables of all studies of a run."""

from __future__ import annotations

import pandas as pd
import pytest

from l2xbench.draw.tables import Table
from l2xbench.errors import RequestError
from l2xbench.report import tables
from l2xbench.store.results import Results
from l2xbench.studies.study import Study
from tests.studies.results import results_of


class First(Study):
    name = "first"

    def tables(self, results: Results) -> list[Table]:
        rows = pd.DataFrame({"model": ["edsr"]})
        return [Table("cost", rows, "What it takes."), Table("nothing", rows.iloc[:0], "No rows.")]


class Second(First):
    name = "second"


def test_a_table_without_rows_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "all_studies", lambda: (First(),))
    assert list(tables.study_tables(results_of([], ["edsr"]))["first"]) == ["cost"]


def test_two_tables_of_one_name_are_told_with_their_studies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "all_studies", lambda: (First(), Second()))
    with pytest.raises(RequestError, match="the study 'second': its table 'cost' is there already, of 'first'"):
        tables.study_tables(results_of([], ["edsr"]))
