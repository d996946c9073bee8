"""Cost against faithfulness."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.text import Text

from l2xbench.draw import style
from l2xbench.store.records import Record
from l2xbench.studies.ablation.cost_figure import Spot, cost_figure, cost_spots
from l2xbench.studies.ablation.curves import make_curves
from tests.studies.ablation.test_tables import records, results


def attributed(model: str, method: str, seconds: float, dataset: str = "set") -> Record:
    return Record("key", "attribution", dataset, model, f"image {seconds}", method, {"seconds": seconds})


def test_a_spot_is_what_a_map_takes_and_how_far_its_order_lies_below_random() -> None:
    some = records(["net"])
    costs = [attributed("net", "l2x", 1.0), attributed("net", "l2x", 3.0), attributed("net", "l2x", 9.0, "other")]
    (spot,) = cost_spots(make_curves(results(some, ["net"])), [*some, *costs], 0)
    assert (spot.method, spot.model, spot.seconds) == ("l2x", "net", 2.0), "the control's maps have no cost here"
    assert spot.gap == pytest.approx(3) and spot.interval == pytest.approx((3, 3))
    without = [curve for curve in make_curves(results(some, ["net"])) if curve.method != "random"]
    assert cost_spots(without, costs, 0) == []


@pytest.mark.parametrize("networks", [1, 3, 11])
def test_the_figure_fits_its_page_and_its_text_is_inside_and_legible(networks: int) -> None:
    methods = ("l2x", "integrated_gradients", "lam", "difference")
    spots = [
        Spot(method, f"a_network_with_a_name-{number}", 10.0 ** (place - 2) * (1 + number), 2 - place / 3, (1.5, 2.5))
        for number in range(networks)
        for place, method in enumerate(methods)
    ]
    figure = cost_figure(spots, "a set (3 images), pixels, descending order", "cpu, 2 threads")
    width, height = figure.get_size_inches() * style.CM_PER_INCH
    assert width == pytest.approx(style.COLUMN_CM) and height < 12
    figure.canvas.draw()  # which puts the labels of the axes in their place
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    (axes,) = figure.axes
    assert all(text.get_fontsize() >= 6 for text in figure.findobj(Text))
    for text in (*figure.texts, *axes.texts, axes.xaxis.label, axes.yaxis.label):
        if text.get_text():
            box = text.get_window_extent(renderer)
            assert (
                box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1
            )
    numbers = sorted(text.get_text() for text in figure.axes[0].texts)
    wanted = sorted(str(number + 1) for number in range(networks) for _ in methods[:3]) if networks == 3 else []
    assert numbers == wanted, "the control has none"


def test_of_many_networks_each_method_has_its_median_and_their_range() -> None:
    seconds = [0.107, 0.084, 0.108, 0.081, 0.119, 0.106, 0.168, 0.077, 0.248, 0.112, 0.149]
    spots = [Spot("l2x", f"net{i}", cost, 1.9 + 0.02 * (i % 5), (0.7, 3.4)) for i, cost in enumerate(seconds)]
    spots += [Spot("difference", f"net{i}", cost / 30, 1.8, (0.5, 3.3)) for i, cost in enumerate(seconds)]
    figure = cost_figure(spots, "a set", "cpu")
    assert any("median over 11 networks" in text.get_text().replace("\n", " ") for text in figure.texts)
    (axes,) = figure.axes
    assert not axes.texts, "numbers of so many would lie upon each other"
    drawn = [line for line in axes.lines if line.get_label() != "_child0"]
    large = [line for line in drawn if line.get_markersize() > 5 and len(line.get_xdata()) == 1]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in large] == [
        (pytest.approx(0.108), pytest.approx(1.94)),
        (pytest.approx(0.108 / 30), pytest.approx(1.8)),
    ]
    ranges = [tuple(line.get_xdata()) for line in drawn if len(line.get_xdata()) == 2]
    assert (0.077, 0.248) in ranges
    assert len([line for line in drawn if line.get_markersize() < 3]) == 22, "each network is a point"


def test_four_networks_that_cost_and_gain_the_same_can_be_told_apart() -> None:
    spots = [Spot("l2x", f"net{i}", 0.1 + 0.002 * i, 1.9 + 0.01 * i, (0.7, 3.4)) for i in range(4)]
    figure = cost_figure(spots, "a set", "cpu")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    boxes = [Text.get_window_extent(text).shrunk(0.95, 0.95) for text in axes.texts]
    assert len(boxes) == 4
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    for spot in spots:
        x, y = axes.transData.transform((spot.seconds, spot.gap))
        assert not any(box.contains(x, y) for box in boxes)
