"""Tables, diagrams and the section, from made measures of a study."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text

from l2xbench.draw import style
from l2xbench.store.results import Results
from l2xbench.studies.differences import STUDY, compare
from l2xbench.studies.differences.figure import rank_figure
from l2xbench.studies.differences.layout import rank_diagram
from l2xbench.studies.differences.section import drawn
from l2xbench.studies.differences.tables import COLUMNS, RANK_COLUMNS
from l2xbench.studies.study import ImageMeasure, Study
from tests.studies.differences.made import measure
from tests.studies.results import results_of

NOISE = np.random.default_rng(0).normal(0, 0.1, size=(11, 12))
IMAGES = np.random.default_rng(1).normal(28, 4, size=12)
NAMES = [*("edsr", "mdsr", "carn", "rcan", "drln", "han", "san", "msrn", "rnan", "swinir"), "a_long_name-transformer"]


def eleven(step: float, **about: object) -> ImageMeasure:
    return measure({name: IMAGES + NOISE[place] + step * place for place, name in enumerate(NAMES)}, **about)


class Measuring(Study):
    """A study that measures what it is given."""

    name = "measuring"

    def __init__(self, *made: ImageMeasure) -> None:
        self._made = made

    def measures(self, results: Results) -> list[ImageMeasure]:
        return list(self._made)


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Results:
    """Those of a study that measures two networks of three images, and one that lacks an image."""
    made = measure({"edsr": [30, 31, 32], "rcan": [29, 30, 30.5], "han": [25, None, 25]})
    monkeypatch.setattr(compare, "all_studies", lambda: (Measuring(), Measuring(made)))
    return results_of([], ["edsr", "rcan", "han"])


def test_a_line_a_pair_and_a_line_a_ranked_network(results: Results) -> None:
    differences, ranks = STUDY.tables(results)
    assert (differences.name, ranks.name) == ("differences", "ranks")
    frame = differences.frame
    assert tuple(frame) == COLUMNS and tuple(ranks.frame) == RANK_COLUMNS
    pairs = list(zip(frame["model_a"], frame["model_b"], frame["images"], strict=True))
    assert pairs == [("edsr", "rcan", 3), ("edsr", "han", 2), ("rcan", "han", 2)]
    assert frame["difference"].tolist() == pytest.approx([3.5 / 3, 6, 4.75])
    assert frame["p_value"].tolist() == [0.25, 0.5, 0.5] and set(frame["differs"]) == {"no"}
    assert ranks.frame["model"].tolist() == ["edsr", "rcan"] and ranks.frame["rank"].tolist() == [1, 2]


def test_a_command_for_one_study_leaves_the_tables_of_the_whole_run(results: Results) -> None:
    part = replace(results, name="manifest-ablation.json")
    assert STUDY.tables(part) == [] and STUDY.sections(part, {}) == []
    tables = {table.name: table for table in STUDY.tables(results)}
    assert len(STUDY.sections(results, tables)) == 1 and len(STUDY.findings(results, tables)) == 1
    assert list(STUDY.figures(part)) == []


def test_ranks_of_two_networks_are_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: dict[str, list[float | None]] = {"edsr": [30, 31, 32], "rcan": [29, 30, 30.5], "han": [25, None, 25]}
    for third, count in (([25.0, None, 25.0], 0), ([25.0, 26.0, 25.0], 1)):
        made = measure({**numbers, "han": third})
        monkeypatch.setattr(compare, "all_studies", lambda made=made: (Measuring(made),))
        assert len(list(STUDY.figures(results_of([], ["edsr", "rcan", "han"])))) == count


def test_nothing_measured_gives_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "all_studies", lambda: (Measuring(),))
    assert all(table.frame.empty for table in STUDY.tables(results_of([], ["edsr"])))


def test_bars_join_the_networks_that_do_not_differ_and_do_not_overlap() -> None:
    diagram = rank_diagram(compare.compare(eleven(0.05), seed=0))
    assert diagram is not None
    ranks = [name.rank for name in diagram.names]
    assert ranks == sorted(ranks) and len(diagram.bars) > 1
    for low, high, _ in diagram.bars:
        assert 0 < high - low <= diagram.critical
    for one, other in itertools.combinations(diagram.bars, 2):
        assert one[2] != other[2] or one[1] < other[0] or other[1] < one[0]
    sides = [[name.row for name in diagram.names if name.left is left] for left in (True, False)]
    assert sides == [[0, 1, 2, 3, 4, 5], [4, 3, 2, 1, 0]]
    assert "Friedman p = " in diagram.remark


@pytest.mark.parametrize("width", [style.COLUMN_CM, 17.0])
@pytest.mark.parametrize("step", [0.0, 0.05, 3.0])
def test_eleven_networks_are_legible(width: float, step: float) -> None:
    title = "share of |R| beyond 8 LR pixels (integrated_gradients)"  # of two lines in a column
    diagram = rank_diagram(compare.compare(eleven(step, title=title, better=None), seed=0))
    assert diagram is not None and diagram.title.endswith("on 12 images of Set (rank 1: the largest)")
    figure = rank_figure(diagram, width)
    wide, tall = figure.get_size_inches() * style.CM_PER_INCH
    assert wide == pytest.approx(width) and tall < 8
    figure.draw_without_rendering()
    texts = figure.findobj(lambda one: isinstance(one, Text) and bool(one.get_text()))
    assert len([text for text in texts if text.get_text().split()[0] in NAMES]) == (11 if width > 10 else 10)
    assert all(text.get_fontsize() >= style.SMALL_PT for text in texts)
    boxes = [Text.get_window_extent(text) for text in texts]
    for box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.shrunk(0.95, 0.8).overlaps(other.shrunk(0.95, 0.8))


@pytest.mark.parametrize(("networks", "drawn"), [(2, False), (3, True)])
def test_two_networks_have_no_diagram_of_ranks(networks: int, drawn: bool) -> None:
    measure = eleven(3.0)
    few = replace(measure, networks=measure.networks[:networks], values=measure.values[:networks])
    assert (rank_diagram(compare.compare(few, seed=0)) is not None) == drawn


def test_the_page_draws_the_same_diagram() -> None:
    diagram = rank_diagram(compare.compare(eleven(3.0), seed=0))
    assert diagram is not None
    shown = drawn(diagram)
    assert [name["name"] for name in shown["names"]] == [name.name for name in diagram.names]
    places = [name["x"] for name in shown["names"]]
    assert places == sorted(places) and places[0] == shown["start"] and places[-1] == shown["end"]
