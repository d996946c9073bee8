"""The square of Fig. 3(b): what stands in it, and that it can be read at a column's width."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from l2xbench.draw import style
from l2xbench.studies.similarity.matrix import Calibration, Matrix, printed_cka
from l2xbench.studies.similarity.square import cka_figure


def symmetric(count: int, low: float, high: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed).uniform(low, high, (count, count))
    return (random + random.T) / 2


def a_matrix(count: int, name: str = "EDSR{}", **changes: object) -> Matrix:
    fields = {
        "title": f"Urban100, m = 800: dCKA above, CKA (biased) below the diagonal, of {count} networks",
        "names": tuple(name.format(number) for number in range(count)),
        "dcka": symmetric(count, 0.3, 0.9, 0),
        "cka": symmetric(count, 0.3, 0.9, 1),
        "doubtful": np.zeros((count, count), dtype=bool),
        "remark": "italic: m too small",
    }
    return Matrix(**(fields | changes))


def calibration(count: int) -> tuple[Calibration, ...]:
    some = tuple(0.9 if place % 2 else np.nan for place in range(count))
    return (
        Calibration("other training", some, "dCKA with other trainings"),
        Calibration("difference", (0.05,) * count, "CKA with |x − x'|"),
    )


def cells(matrix: Matrix) -> list[str]:
    """The numbers of the square, row by row, without the diagonal."""
    return [text.get_text() for text in cka_figure(matrix).axes[0].texts]


@pytest.mark.parametrize(
    ("count", "name", "width"),
    [
        (2, "EDSR{}", 8.5),
        (11, "swinir-{}", 8.5),
        (11, "a-very-long-name-of-a-network-{}", 8.5),
        (20, "net{}", 17.5),
        (24, "swinir-{}", 17.5),
        (48, "net{}", 17.5),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_every_text_is_inside_apart_and_at_least_6_points(count: int, name: str, width: float, whole: bool) -> None:
    matrix = a_matrix(count, name, calibration=calibration(count) if whole else ())
    matrix = matrix.clustered() if whole else matrix
    matrix.doubtful[1, 0] = True
    figure = cka_figure(matrix)
    assert figure.get_size_inches()[0] * style.CM_PER_INCH == pytest.approx(width)
    figure.draw_without_rendering()
    page = figure.bbox
    square, bar = (next(a for a in figure.axes if a.get_label() == label) for label in ("CKA", "colour bar"))
    texts = [*figure.texts, *square.texts, *square.get_xticklabels(), *square.get_yticklabels(), *bar.get_xticklabels()]
    boxes = [(t, t.get_window_extent()) for t in texts if t.get_text()]
    for text, box in boxes:
        assert text.get_fontsize() >= 6
        assert box.x0 >= page.x0 and box.x1 <= page.x1 and box.y0 >= page.y0 and box.y1 <= page.y1, text
    for i, (first, box) in enumerate(boxes):
        for second, other in boxes[i + 1 :]:
            assert not box.shrunk(0.9, 0.9).overlaps(other.shrunk(0.9, 0.9)), (first, second)


def test_a_number_below_0_does_not_make_the_figure_wider() -> None:
    below = Calibration("untrained", (-0.08,) + (0.05,) * 10, "dCKA with its own untrained twin")
    matrix = a_matrix(11, "swinir-{}", calibration=(*calibration(11), below)).clustered()
    figure = cka_figure(matrix)
    assert figure.get_size_inches()[0] * style.CM_PER_INCH == pytest.approx(8.5)
    assert "−.08" in [text.get_text() for text in figure.axes[0].texts]


def test_dcka_is_above_cka_below_and_nothing_known_is_a_dash() -> None:
    dcka = np.array([[np.nan, 0.456, np.nan], [0.456, np.nan, -0.001], [np.nan, -0.001, np.nan]])
    cka = np.array([[1, 0.9, 0.8], [0.9, 1, 0.7], [0.8, 0.7, 1]])
    doubtful = np.array([[False, True, False], [True, False, False], [False, False, False]])
    figure = cka_figure(a_matrix(3, dcka=dcka, cka=cka, doubtful=doubtful))
    texts = figure.axes[0].texts
    assert [t.get_text() for t in texts] == ["0.46", "–", "0.90", "0.00", "0.80", "0.70"]
    assert [t.get_fontstyle() == "italic" for t in texts] == [False, False, True, False, False, False], "of CKA alone"
    assert any("m too small" in t.get_text() for t in figure.texts)
    assert not any("m too small" in t.get_text() for t in cka_figure(a_matrix(3)).texts)


def test_what_networks_are_held_against_stands_apart_below() -> None:
    matrix = a_matrix(3, "n{}", calibration=calibration(3))
    square = cka_figure(matrix).axes[0]
    assert [t.get_text() for t in square.get_xticklabels()] == ["n0", "n1", "n2"]
    assert [t.get_text() for t in square.get_yticklabels()] == ["n0", "n1", "n2", "other training", "difference"]
    assert np.diff(square.get_yticks()).round(2).tolist() == [1, 1, 1.35, 1]
    assert cells(matrix)[-4:] == ["0.90", "0.05", "0.05", "0.05"], "no cell where there is no other training"
    assert "other training: dCKA with other trainings" in matrix.said


def test_the_tree_stands_at_the_rows_of_its_networks() -> None:
    near = np.array([[1, 0.2, 0.9, 0.3], [0.2, 1, 0.25, 0.8], [0.9, 0.25, 1, 0.1], [0.3, 0.8, 0.1, 1]])
    matrix = a_matrix(4, "n{}", dcka=near, cka=1 - near, calibration=(Calibration("row", (0, 1, 2, 3), "what"),))
    shown = matrix.clustered()
    assert [set(shown.names[:2]), set(shown.names[2:])] in ([{"n0", "n2"}, {"n1", "n3"}], [{"n1", "n3"}, {"n0", "n2"}])
    assert [f"n{value:.0f}" for value in shown.calibration[0].values] == list(shown.names), "rows below follow"
    leaves = {(x, y) for line in shown.branches for x, y in line if x == 0}
    assert leaves == {(0, 0.5), (0, 1.5), (0, 2.5), (0, 3.5)}
    joined = {frozenset(y for x, y in line if x == 0): max(x for x, _ in line) for line in shown.branches}
    assert joined[frozenset((0.5, 1.5))] < 1 and joined[frozenset((2.5, 3.5))] < 1
    figure = cka_figure(shown)
    tree, square = (next(a for a in figure.axes if a.get_label() == label) for label in ("tree", "CKA"))
    assert tree.get_position().x0 > square.get_position().x1
    assert tree.get_position().y0 == pytest.approx(
        square.get_position().y0 + square.get_position().height * 1.35 / 5.35
    )
    assert "tree: average linkage of 1 − dCKA" in shown.said
    assert matrix.branches == [] and not any(a.get_label() == "tree" for a in cka_figure(matrix).axes)


def test_the_shades_are_the_range_of_the_networks_and_that_is_said() -> None:
    values = np.where(np.eye(3) == 1, np.nan, 0.96)
    dcka = values.copy()
    dcka[0, 1] = dcka[1, 0] = 0.873
    dcka[:2, 2] = dcka[2, :2] = 0.98
    values *= 1.03
    matrix = a_matrix(3, dcka=dcka, cka=values, calibration=(Calibration("x", (0.1, 0.9, np.nan), "y"),))
    assert matrix.scale == (0.87, 0.98)
    told = "shades: 0.87 to 0.98, the range of the networks' dCKA; what is below has the lightest; what is above has "
    assert matrix.said[0] == told + "the darkest"
    assert matrix.shade(0.1) == 0 and matrix.shade(0.99) == 1 and matrix.shade(0.925) == pytest.approx(0.5)
    figure = cka_figure(matrix)
    assert any(matrix.said[0] in text.get_text().replace("\n", " ") for text in figure.texts)
    bar = next(axes for axes in figure.axes if axes.get_label() == "colour bar")
    assert bar.get_xlim() == (0.87, 0.98)
    assert (
        a_matrix(3, dcka=np.full((3, 3), np.nan), cka=dcka)
        .said[0]
        .endswith("0.87 to 0.98, the range of the networks' CKA")
    )
    nothing = np.full((2, 2), np.nan)
    assert a_matrix(2, dcka=nothing, cka=nothing).scale == (0, 1) and cells(a_matrix(2, dcka=nothing, cka=nothing))


def test_the_scale_of_networks_that_differ_little_is_not_blown_up_and_that_is_said() -> None:
    alike = a_matrix(4, dcka=symmetric(4, 0.856, 0.858, 0))
    assert alike.scale == (0.8, 0.91)
    told = "shades: 0.8 to 0.91, the range of the networks' dCKA, widened to 0.1 at least"
    assert alike.said[0].startswith(told)
    shades = [alike.shade(value) for value in alike.dcka[np.triu_indices(4, 1)]]
    assert 0.4 < min(shades) <= max(shades) < 0.6
    assert a_matrix(3, dcka=np.full((3, 3), 0.999)).scale == (0.9, 1.0), "nothing is above 1"
    pair = a_matrix(2, dcka=np.full((2, 2), 0.857), cka=np.full((2, 2), 0.9))
    assert pair.scale == (0, 1) and pair.said[0] == "shades: 0 to 1"


def test_a_number_is_black_or_white_whichever_is_read_more_easily() -> None:
    def luminance(colour: str | tuple[float, ...]) -> float:
        parts = np.array(to_rgb(colour))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    square = cka_figure(a_matrix(11, dcka=symmetric(11, 0.3, 0.9, 5), cka=symmetric(11, 0.3, 0.9, 6))).axes[0]
    assert {text.get_color() for text in square.texts} == {"black", "white"}
    for text, cell in zip(square.texts, square.patches, strict=True):
        low, high = sorted((luminance(text.get_color()), luminance(cell.get_facecolor())))
        assert (high + 0.05) / (low + 0.05) > 4.5, "WCAG's AA"


def test_networks_that_are_much_alike_have_a_digit_more() -> None:
    alike = np.array([[1, 0.9972, 0.9987], [0.9972, 1, 0.9996], [0.9987, 0.9996, 1]])
    assert cells(a_matrix(3, cka=alike, dcka=alike - 0.5)) == ["0.50", "0.50", "0.997", "0.50", "0.999", "1.000"]
    many = a_matrix(11, "swinir-{}", cka=np.full((11, 11), 0.9972), dcka=np.full((11, 11), 0.9972))
    assert set(cells(many)) == {".997"}, "in a column"


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
    for dcka, cka, by in ((values, 1 - values, "dCKA"), (np.full((5, 5), np.nan), values, "CKA")):
        shown = a_matrix(5, dcka=dcka, cka=cka).clustered()
        order = [int(name[-1]) for name in shown.names]
        assert sorted(order) == [0, 1, 2, 3, 4]
        assert np.count_nonzero(np.diff(family[order])) == 1
        assert np.array_equal(shown.cka, cka[np.ix_(order, order)])
        assert f"tree: average linkage of 1 − {by}" in shown.said
    assert a_matrix(2).clustered().tree is None


def test_cells_too_small_for_numbers_have_shades_alone() -> None:
    figure = cka_figure(a_matrix(48, "net{}"))
    square = figure.axes[0]
    assert not square.texts and len(square.patches) == 48 * 47
    assert any("the numbers are in the table" in text.get_text() for text in figure.texts)
