from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.text import Text

from l2xbench.data.colour import luma
from l2xbench.draw import style
from l2xbench.draw.colormap import BACKDROP
from l2xbench.draw.heatmaps import heatmap_bytes, heatmap_figure
from l2xbench.draw.panels import HeatmapPanel, local_view, scaled_maps
from l2xbench.errors import RequestError
from tests.draw.panels import panel

TWELVE = tuple(f"network {number}" for number in range(12))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def axes(figure: Figure, label: str) -> Axes:
    (found,) = [one for one in figure.axes if one.get_label() == label]
    return found


def bar_label(figure: Figure) -> str:
    return axes(figure, "colour bar").get_xlabel()


def with_networks(of: HeatmapPanel, **changes: object) -> HeatmapPanel:
    return replace(of, networks=tuple(replace(network, **changes) for network in of.networks))


def test_every_network_has_its_sr_over_its_map_under_its_name_and_over_its_figures() -> None:
    figure = heatmap_figure(panel())
    assert [one.get_label() for one in figure.axes] == [
        "HR",
        "LR",
        "EDSR: SR",
        "EDSR: map",
        "SwinIR: SR",
        "SwinIR: map",
        "colour bar",
    ]
    assert axes(figure, "EDSR: SR").get_position().y0 > axes(figure, "EDSR: map").get_position().y1
    shown = texts(figure)
    assert {"HR", "LR", "EDSR", "SwinIR", "27.12 dB / 0.8123", "28.12 dB / 0.8123"} <= set(shown)
    assert shown[0] == "Set5, img_001, ×2:  l2x, reference blur, target image"


@pytest.mark.parametrize(
    ("count", "size"),
    [
        (1, (12, 16)),
        (1, (40, 10)),
        (2, (8, 48)),
        (3, (1, 1)),
        (6, (40, 10)),
        (7, (12, 16)),
        (12, (8, 48)),
        (12, (40, 10)),
    ],
)
def test_any_panel_fits_a_page_and_keeps_its_text_legible_and_inside(count: int, size: tuple[int, int]) -> None:
    names = ("a network with quite a long name, ×4, version 12", *TWELVE)[:count]
    figure = heatmap_figure(panel(names, size))
    width, height = figure.get_size_inches() * style.CM_PER_INCH
    assert width <= (style.COLUMN_CM if count <= 2 else style.PAGE_CM) + 1e-6
    assert height <= style.PAGE_HEIGHT_CM + 1e-6
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    every = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in every) >= 6
    for text in figure.texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= figure.bbox.width + 1
        assert box.y1 <= figure.bbox.height + 1


def test_texts_do_not_overlap_one_another_or_a_picture() -> None:
    figure = heatmap_figure(panel(("EDSR_baseline_x4_DIV2K_official", *TWELVE[:10]), (10, 14)))
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [text.get_window_extent(renderer) for text in figure.texts if text.get_text()]
    boxes += [one.get_window_extent(renderer) for one in figure.axes]
    for number, box in enumerate(boxes):
        for other in boxes[:number]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            along = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert across <= 1 or along <= 1


def test_pictures_keep_their_proportions() -> None:
    figure = heatmap_figure(panel(TWELVE, (30, 12)))
    for one in figure.axes[:-1]:
        box = one.get_window_extent()
        assert box.height / box.width == pytest.approx(30 / 12, rel=1e-6)


def test_there_is_one_bar_with_a_unit_and_symmetric_limits() -> None:
    bar = axes(heatmap_figure(panel()), "colour bar")
    low, high = bar.get_xlim()
    assert low == -high < 0
    assert bar.get_xlabel() == "attribution of an LR pixel (grey levels of 255 per SR sample)"


def test_the_mean_of_an_image_map_is_the_mean_difference_of_the_sr_in_grey_levels() -> None:
    of = panel()
    scale = 2
    maps = scaled_maps(of).maps
    for one, network in zip(maps, of.networks, strict=True):
        outputs = 3 * scale**2 * of.lr.shape[0] * of.lr.shape[1]
        assert one.mean() == pytest.approx(255 * network.values.astype(np.float64).sum() / outputs)


def test_the_sum_of_a_patch_map_is_the_mean_difference_of_the_patch() -> None:
    of = panel(target="patch:4,6,8,5")
    scaled = scaled_maps(of)
    assert scaled.maps[0].sum() == pytest.approx(255 * of.networks[0].values.astype(np.float64).sum() / (3 * 8 * 5))
    assert "sample of the patch" in scaled.unit


def test_the_sum_of_a_neurons_map_is_its_difference() -> None:
    of = panel(target="neuron:1,6,8")
    scaled = scaled_maps(of)
    assert scaled.maps[0].sum() == pytest.approx(255 * of.networks[0].values.astype(np.float64).sum())
    assert scaled.unit == "attribution of an LR pixel (grey levels of 255)"


@pytest.mark.parametrize("error", [0.3, None, float("nan")])
def test_a_method_that_is_not_complete_gets_no_grey_levels(error: float | None) -> None:
    of = with_networks(panel(), completeness_error=error)
    assert [np.abs(one).mean() for one in scaled_maps(of).maps] == pytest.approx([1, 1])
    assert "grey levels" not in bar_label(heatmap_figure(of))


def test_one_incomplete_network_of_a_complete_method_says_so_under_its_map() -> None:
    of = panel(("EDSR", "SwinIR", "HAN"))
    of = replace(of, networks=(*of.networks[:2], replace(of.networks[2], completeness_error=0.21)))
    figure = heatmap_figure(of)
    assert "grey levels" in bar_label(figure)
    assert [text for text in texts(figure) if "incomplete" in text] == ["29.12 dB / 0.8123\nincomplete by 21%"]


def test_equal_numbers_have_equal_colours_in_every_map() -> None:
    of = panel(("weak", "strong"), lr=np.full((12, 16, 3), 255, np.uint8))
    values = np.abs(of.networks[0].values)
    weak, strong = (
        replace(network, values=values * factor) for network, factor in zip(of.networks, (0.1, 1.0), strict=True)
    )
    figure = heatmap_figure(replace(of, networks=(weak, strong)))
    drawn = [axes(figure, f"{name}: map").images[0].get_array() for name in ("weak", "strong")]
    assert drawn[0].mean() > drawn[1].mean() + 30


@pytest.mark.parametrize("names", [("EDSR",), ("EDSR", "SwinIR")])
def test_the_bar_says_all_of_what_its_numbers_are_whatever_the_width(names: tuple[str, ...]) -> None:
    figure = heatmap_figure(panel(names, (40, 10), target="patch:4,6,8,5"))
    said = "attribution of an LR pixel (grey levels of 255 per sample of the patch; symmetric log scale)"
    assert " ".join(bar_label(figure).split()) == said
    figure.draw_without_rendering()
    label = axes(figure, "colour bar").xaxis.label.get_window_extent()
    assert figure.bbox.x0 <= label.x0 and label.x1 <= figure.bbox.x1 and label.y0 >= figure.bbox.y0
    below = [text.get_window_extent() for text in figure.texts if text.get_text().startswith("outside:")]
    assert all(box.y1 <= label.y0 + 1 for box in below)


def test_without_hr_one_network_has_lr_beside_sr_and_its_map_below_both() -> None:
    figure = heatmap_figure(panel(("EDSR",), hr=None))
    lr, sr, drawn = (axes(figure, label).get_position() for label in ("LR", "EDSR: SR", "EDSR: map"))
    assert lr.y0 == pytest.approx(sr.y0) and lr.y1 == pytest.approx(sr.y1) and lr.x1 < sr.x0
    assert drawn.x0 == pytest.approx(lr.x0, abs=0.01) and drawn.x1 == pytest.approx(sr.x1, abs=0.01)
    assert len(figure.axes) == 4


def test_without_hr_several_networks_have_the_part_of_lr_that_is_enlarged() -> None:
    figure = heatmap_figure(panel(hr=None, zoom=(4, 8, 8, 12)))
    part = axes(figure, "LR, the part")
    assert part.get_xlim() == (8, 20) and part.get_ylim() == (12, 4)
    assert part.get_position().y0 > axes(figure, "LR").get_position().y1


def test_a_network_that_does_not_enlarge_has_input_output_and_target() -> None:
    made = panel()
    networks = tuple(replace(network, sr=network.sr[::2, ::2]) for network in made.networks)
    figure = heatmap_figure(replace(made, scale=1, hr=made.hr[::2, ::2], networks=networks))
    assert {"input", "target"} <= set(texts(figure)) and not {"LR", "HR"} & set(texts(figure))
    assert bar_label(figure) == "attribution of an input pixel (grey levels of 255 per output sample)"
    assert texts(figure)[0] == "Set5, img_001:  l2x, reference blur, target image"


def test_without_hr_there_is_no_hr_and_without_metrics_no_figures() -> None:
    figure = heatmap_figure(with_networks(panel(hr=None), psnr=None, ssim=None))
    assert "HR" not in [one.get_label() for one in figure.axes]
    assert not any("dB" in text for text in texts(figure))


def test_a_perfect_psnr_and_a_map_that_is_not_finite_are_said() -> None:
    values = np.full((3, 12, 16), np.inf)
    figure = heatmap_figure(with_networks(panel(("EDSR",)), psnr=float("inf"), values=values))
    assert "∞ dB / 0.8123\nmap: not finite" in texts(figure)


def test_a_map_of_zeros_is_blank_and_its_bar_has_a_scale_around_0() -> None:
    of = with_networks(panel(), values=np.zeros((3, 12, 16)))
    figure = heatmap_figure(of)
    for name in ("EDSR", "SwinIR"):
        drawn = np.asarray(axes(figure, f"{name}: map").images[0].get_array())
        assert (drawn == drawn[..., :1]).all(), "no colour anywhere: the LR image shows through in grey"
        assert np.array_equal(drawn[..., 0], np.rint(255 - BACKDROP * (255 - luma(of.lr))).astype(np.uint8))
    bar = axes(figure, "colour bar")
    assert bar.get_xlim() == (-1, 1)
    shown = [(float(at), tick.get_text()) for at, tick in zip(bar.get_xticks(), bar.get_xticklabels(), strict=True)]
    inside = [(at, text) for at, text in shown if abs(at) <= 1]
    assert (0, "0") in inside and len(inside) >= 3
    assert [at for at, _ in inside] == pytest.approx([-at for at, _ in reversed(inside)])
    assert "grey levels" in bar.get_xlabel()
    assert not bar.patches, "no pointed end: nothing lies beyond the scale"
    assert axes(heatmap_figure(panel()), "colour bar").patches, "of other maps a tenth does"


def test_a_patch_is_marked_where_it_lies_in_every_picture() -> None:
    figure = heatmap_figure(panel(target="patch:4,6,8,5"))
    for label in ("HR", "LR", "EDSR: SR", "EDSR: map"):
        boxes = [one for one in axes(figure, label).patches if isinstance(one, Rectangle)]
        assert (6, 4, 5, 8) in [(*box.get_xy(), box.get_width(), box.get_height()) for box in boxes]
        assert axes(figure, label).images[0].get_extent() == [0, 32, 24, 0]


def test_a_neuron_is_marked_by_a_ring_around_it() -> None:
    figure = heatmap_figure(panel(target="neuron:1,6,8"))
    (ring,) = [one for one in axes(figure, "LR").patches if isinstance(one, Circle)]
    assert ring.center == (8.5, 6.5)


def test_maps_of_a_small_target_show_the_part_that_matters_and_lr_the_whole() -> None:
    values = np.zeros((3, 60, 80))
    values[:, 18:24, 30:38] = 1.0
    of = with_networks(panel(size=(60, 80), target="patch:40,64,4,8"), values=values)
    figure = heatmap_figure(of)
    right, left = (axes(figure, "EDSR: map").get_xlim()[number] for number in (1, 0))
    assert left <= 60 < 76 <= right
    assert right - left < 80
    assert axes(figure, "LR").get_xlim() == (0, 160)
    assert "maps: the dashed frame" in texts(figure)[0]


def far_and_near() -> HeatmapPanel:
    """A network that uses distant pixels for a thousandth each, and one that does not; the target is the middle."""
    near = np.zeros((3, 40, 40))
    near[:, 18:22, 18:22] = 1.0
    far = near.copy()
    far[:, ::4, ::4] += 1e-2
    of = panel(("far", "near"), size=(40, 40), target="patch:36,36,8,8")
    networks = zip(of.networks, (far, near), (0.4, 0.0), strict=True)
    return replace(
        of, networks=tuple(replace(n, values=values, outside=share, diffusion=2.5) for n, values, share in networks)
    )


def coloured(figure: Figure, name: str) -> float:
    """The share of a map's pixels, far from the target, that have a colour."""
    (image,) = axes(figure, f"{name}: map").get_images()
    drawn = np.asarray(image.get_array())[:12].astype(int)
    return float((np.ptp(drawn, axis=-1) > 24).mean())


def test_the_map_of_a_part_shows_far_pixels_and_says_on_which_scale() -> None:
    of = far_and_near()
    figure = heatmap_figure(of)
    assert coloured(figure, "far") == pytest.approx(1 / 16, abs=0.01) and coloured(figure, "near") == 0
    assert bar_label(figure).endswith("grey levels of 255 per sample of the patch; symmetric log scale)")
    bar = axes(figure, "colour bar")
    figure.draw_without_rendering()
    read = [float(text.get_text().replace("−", "-").replace(",", "")) for text in bar.get_xticklabels()]
    assert read == pytest.approx(list(bar.get_xticks())) and read == sorted(read)
    assert 0 in read and any(0 < tick < 0.05 * max(read) for tick in read), "true values, far below the limit too"
    linear = heatmap_figure(replace(of, scale_of_colours="linear"))
    assert coloured(linear, "far") == 0 and "log" not in bar_label(linear)
    assert "log" not in bar_label(heatmap_figure(panel()))


def test_under_the_map_of_a_part_stands_how_far_it_goes() -> None:
    figure = heatmap_figure(far_and_near())
    assert {text for text in texts(figure) if "outside" in text and "DI" in text and "dB" in text} == {
        "27.12 dB / 0.8123\n40.0% outside, DI 2.50",
        "28.12 dB / 0.8123\n0.0% outside, DI 2.50",
    }
    assert any(text.startswith("outside: share of |map|") for text in texts(figure)), "and what that is"
    assert not any("outside" in text for text in texts(heatmap_figure(panel())))


def test_maps_of_a_target_that_draws_on_the_whole_image_show_it_all() -> None:
    of = panel(size=(60, 80), target="patch:40,64,4,8")
    assert local_view(of, scaled_maps(of).maps) is None


@pytest.mark.parametrize("corner", ["neuron:0,0,0", "neuron:0,119,159", "patch:0,0,120,160", "patch:900,900,4,4"])
def test_the_part_shown_stays_inside_the_image(corner: str) -> None:
    of = with_networks(panel(size=(60, 80), target=corner), values=np.zeros((3, 60, 80)))
    view = local_view(of, scaled_maps(of).maps)
    if view is not None:
        y, x, height, width = view
        assert y >= 0 <= x
        assert y + height <= 120
        assert x + width <= 160
    heatmap_figure(of)


def test_a_zoom_enlarges_hr_and_sr_and_is_framed_in_lr() -> None:
    figure = heatmap_figure(panel(zoom=(4, 6, 6, 8)))
    for label in ("HR", "EDSR: SR"):
        assert axes(figure, label).get_xlim() == (6, 14)
        assert axes(figure, label).get_ylim() == (10, 4)
    assert axes(figure, "LR").get_xlim() == (0, 32)
    assert [one.get_xy() for one in axes(figure, "LR").patches if isinstance(one, Rectangle)] == [(6, 4)]


def test_names_are_shown_as_they_are() -> None:
    assert "a$b_{c}$" in texts(heatmap_figure(panel(("a$b_{c}$",))))


def test_the_same_panel_gives_the_same_bytes() -> None:
    assert heatmap_bytes(panel()) == heatmap_bytes(panel())


def test_an_unknown_palette_is_a_request_to_mend() -> None:
    with pytest.raises(RequestError, match="palette"):
        heatmap_figure(panel(), palette="jet")


def test_shapes_that_do_not_match_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"EDSR: a map of \(3, 4\)"):
        with_networks(panel(), values=np.zeros((3, 3, 4)))
    with pytest.raises(ValueError, match=r"EDSR: an SR image of \(12, 16\), not \(24, 32\)"):
        with_networks(panel(), sr=np.zeros((12, 16, 3), np.uint8))
    with pytest.raises(ValueError, match="at least one network"):
        panel(())


def test_the_report_room_imports_neither_torch_nor_pyplot() -> None:
    code = (
        "import sys, l2xbench.draw.drawer, l2xbench.studies.restoration.tables;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib.pyplot')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
