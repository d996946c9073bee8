"""The square of Fig. 3(b): what stands in it, and that it can be read at a column's width."""

from __future__ import annotations

import numpy as np
import pytest

from l2xbench.draw import style
from l2xbench.studies.similarity.matrix import Matrix, cka_figure, clustered_order, printed_cka


def a_matrix(count: int, name: str = "EDSR{}", **changes: object) -> Matrix:
    random = np.random.default_rng(0).uniform(0.3, 0.9, (count, count))
    values = (random + random.T) / 2
    np.fill_diagonal(values, 1)
    fields = {
        "title": f"Urban100, m = 800: CKA of {count} networks",
        "names": tuple(name.format(number) for number in range(count)),
        "values": values,
        "doubtful": np.zeros((count, count), dtype=bool),
        "remark": "italic: m too small",
    }
    return Matrix(**(fields | changes))


@pytest.mark.parametrize(
    ("count", "name", "width"),
    [(2, "EDSR{}", 8.5), (11, "swinir-{}", 8.5), (11, "a-very-long-name-of-a-network-{}", 8.5), (20, "net{}", 17.5)],
)
def test_every_text_is_inside_apart_and_at_least_6_points(count: int, name: str, width: float) -> None:
    matrix = a_matrix(count, name)
    matrix.doubtful[0, 1] = True
    figure = cka_figure(matrix)
    assert figure.get_size_inches()[0] * style.CM_PER_INCH == pytest.approx(width)
    figure.draw_without_rendering()
    page = figure.bbox
    square, bar = (next(a for a in figure.axes if a.get_label() == label) for label in ("CKA", "colour bar"))
    texts = [*figure.texts, *square.texts, *square.get_xticklabels(), *square.get_yticklabels(), *bar.get_yticklabels()]
    boxes = [(t, t.get_window_extent()) for t in texts if t.get_text()]
    for text, box in boxes:
        assert text.get_fontsize() >= 6
        assert box.x0 >= page.x0 and box.x1 <= page.x1 and box.y0 >= page.y0 and box.y1 <= page.y1, text
    for i, (first, box) in enumerate(boxes):
        for second, other in boxes[i + 1 :]:
            assert not box.shrunk(0.9, 0.9).overlaps(other.shrunk(0.9, 0.9)), (first, second)


def test_numbers_are_printed_and_nothing_known_is_a_dash() -> None:
    values = np.array([[1, 0.456, np.nan], [0.456, 1, -0.001], [np.nan, -0.001, 1]])
    doubtful = np.array([[False, True, False], [True, False, False], [False, False, False]])
    figure = cka_figure(a_matrix(3, values=values, doubtful=doubtful))
    texts = figure.axes[0].texts
    assert [t.get_text() for t in texts] == ["1.00", "0.46", "–", "0.46", "1.00", "0.00", "–", "0.00", "1.00"]
    assert [t.get_fontstyle() == "italic" for t in texts[:3]] == [False, True, False]
    assert any("m too small" in t.get_text() for t in figure.texts)
    assert not any("m too small" in t.get_text() for t in cka_figure(a_matrix(3)).texts)


def test_networks_that_are_much_alike_have_a_digit_more() -> None:
    values = np.array([[1, 0.9972, 0.9987], [0.9972, 1, 0.9996], [0.9987, 0.9996, 1]])
    matrix = a_matrix(3, values=values)
    assert matrix.digits == 3 and a_matrix(3).digits == 2
    assert [t.get_text() for t in cka_figure(matrix).axes[0].texts[:3]] == ["1.000", "0.997", "0.999"]
    many = a_matrix(11, "swinir-{}", values=np.where(np.eye(11) == 1, 1, 0.9972))
    texts = {t.get_text() for t in cka_figure(many).axes[0].texts}
    assert texts == {"1.00", ".997"}, "in a column"
    assert a_matrix(1, values=np.ones((1, 1))).digits == 2


@pytest.mark.parametrize(
    ("value", "digits", "short", "text"),
    [(0.456, 2, True, ".46"), (-0.05, 2, True, "−.05"), (-0.001, 2, False, "0.00"), (0.9996, 3, True, "1.00")],
)
def test_a_printed_number(value: float, digits: int, short: bool, text: str) -> None:
    assert printed_cka(value, digits, short=short) == text


def test_clustered_puts_like_networks_side_by_side() -> None:
    family = np.array([0, 1, 0, 1, 0])
    values = np.where(family[:, None] == family[None, :], 0.9, 0.2)
    np.fill_diagonal(values, 1)
    order = clustered_order(values)
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert len({tuple(family[order[:3]]), tuple(family[order[-3:]])}) == 2
    assert np.count_nonzero(np.diff(family[order])) == 1
    names = [t.get_text() for t in cka_figure(a_matrix(5, values=values).clustered()).axes[0].get_yticklabels()]
    assert names == [f"EDSR{i}" for i in order]
