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


@pytest.mark.parametrize(("networks", "page"), [(1, style.COLUMN_CM), (3, style.COLUMN_CM), (11, style.PAGE_CM)])
def test_the_figure_fits_its_page_and_its_text_is_inside_and_legible(networks: int, page: float) -> None:
    methods = ("l2x", "integrated_gradients", "lam", "difference")
    spots = [
        Spot(method, f"a_network_with_a_name-{number}", 10.0 ** (place - 2) * (1 + number), 2 - place / 3, (1.5, 2.5))
        for number in range(networks)
        for place, method in enumerate(methods)
    ]
    figure = cost_figure(spots, "a set (3 images), pixels, descending order", "cpu, 2 threads")
    width, height = figure.get_size_inches() * style.CM_PER_INCH
    assert width == pytest.approx(page) and height < 12
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
    wanted = sorted(str(number + 1) for number in range(networks) for _ in methods[:3]) if networks > 1 else []
    assert numbers == wanted, "the control has none"


def test_eleven_networks_that_cost_and_gain_the_same_can_be_told_apart_in_a_column() -> None:
    seconds = [0.107, 0.084, 0.108, 0.081, 0.119, 0.106, 0.168, 0.077, 0.248, 0.112, 0.149]
    spots = [Spot("l2x", f"net{i}", cost, 1.9 + 0.02 * (i % 5), (0.7, 3.4)) for i, cost in enumerate(seconds)]
    spots += [Spot("difference", f"net{i}", cost / 30, 1.8, (0.5, 3.3)) for i, cost in enumerate(seconds)]
    figure = cost_figure(spots, "a set", "cpu")
    assert figure.get_size_inches()[0] * style.CM_PER_INCH == pytest.approx(style.COLUMN_CM)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    boxes = [Text.get_window_extent(text).shrunk(0.95, 0.95) for text in axes.texts]
    assert len(boxes) == 11
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    for spot in spots:
        x, y = axes.transData.transform((spot.seconds, spot.gap))
        assert not any(box.contains(x, y) for box in boxes)
