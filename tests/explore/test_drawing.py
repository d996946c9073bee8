"""Maps as pictures, numbers as lines, figures as files."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from l2xbench.draw.panels import HeatmapPanel, NetworkPanel
from l2xbench.explore import drawing
from l2xbench.explore.workbench import Answer
from l2xbench.studies.shared.maps import MapRequest, NetworkMap


@pytest.fixture
def panel() -> HeatmapPanel:
    random = np.random.default_rng(0)
    lr = random.integers(0, 255, (40, 48, 3), np.uint8)
    networks = []
    for name, size in (("small", 1), ("large", 4)):
        values = np.zeros((3, 40, 48))
        values[:, 18:22, 20:24] = size * random.normal(size=(3, 4, 4))
        networks.append(NetworkPanel(name, np.zeros((160, 192, 3), np.uint8), values, None, None, 0.0))
    return HeatmapPanel("d", "i", 4, lr, None, tuple(networks), "l2x", "blur", "patch:72,80,16,16")


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_maps_share_one_scale_and_show_where_they_are(panel: HeatmapPanel) -> None:
    drawn = drawing.draw(panel, "green-red", near=True)
    values = {name: np.frombuffer(one.values, "<f4").reshape(40, 48) for name, one in drawn.maps.items()}
    both = panel.networks[1].values.sum(axis=0) * 255 / (3 * 16 * 16)
    assert np.allclose(values["large"], both, rtol=1e-6)
    alone = drawing.draw(replace(panel, networks=panel.networks[:1]), "green-red", near=True)
    assert alone.limit < drawn.limit, "one scale for all, which the larger map decides"
    y, x, height, width = drawn.view
    assert y <= 18 and y + height >= 22 and height < 40
    assert x <= 20 and x + width >= 24 and width < 48
    pictures = {name: decoded(one.picture) for name, one in drawn.maps.items()}
    assert pictures["large"].shape == (40, 48, 3)
    at = np.unravel_index(values["large"].argmax(), (40, 48))
    red, green, blue = map(int, pictures["large"][at])
    assert green > red and green > blue, "positive is green"
    assert decoded(drawn.bar).shape == (1, 255, 3)
    assert "grey levels" in drawn.unit and "symmetric log scale" in drawn.unit
    assert [place for place, _ in drawn.ticks] == sorted(place for place, _ in drawn.ticks)
    assert drawn.ticks[-1] == (1, f"+{drawn.limit:g}") and (0.5, "0") in drawn.ticks
    linear = drawing.draw(replace(panel, scale_of_colours="linear"), "green-red", near=True)
    assert "log" not in linear.unit and linear.maps["small"].picture != drawn.maps["small"].picture

    whole = drawing.draw(panel, "blue-orange", near=False)
    assert whole.view == (0, 0, 40, 48)
    assert whole.maps["large"].picture != drawn.maps["large"].picture


def request(method: str = "l2x") -> MapRequest:
    return MapRequest("patch:72,80,16,16", "blur", method)


def test_the_lines_under_a_map() -> None:
    values = np.zeros((3, 40, 48))
    values[0, 18, 20], values[0, 30, 30] = 3, -1
    arrays = {"values": values, "delta": np.float32(7.68)}
    answer = Answer(request(), NetworkMap(arrays, 3e-7, 0.123), positive=0.75, diffusion=2.345)
    lines = {line.name: line.value for line in drawing.numbers(answer, 4)}
    assert lines == {
        "delta": "7.68 (2.5 grey levels a sample)",
        "completeness error": "3.0e-07",
        "outside the patch": "25.0%",
        "positive share": "75%",
        "diffusion index": "2.35",
        "time": "0.12 s",
    }
    control = replace(answer, found=NetworkMap({**arrays, "delta": np.float32("nan")}, None, 0.123))
    named = [line.name for line in drawing.numbers(control, 4)]
    assert named == ["outside the patch", "positive share", "diffusion index", "time"]
    small = NetworkMap({**arrays, "values": np.zeros((3, 4, 4))}, 3e-7, 0.123)
    whole = replace(answer, request=MapRequest("image", "blur", "l2x"), found=small)
    assert drawing.numbers(whole, 4)[0].value == "7.68 (2.5 grey levels a sample)", "4 x 4 LR are 16 x 16 SR pixels"
    assert drawing.numbers(whole, 2)[0].value == "7.68 (10.2 grey levels a sample)"
    lam = replace(answer, request=request("lam"))
    assert drawing.numbers(lam, 4)[0].value == "7.68", "its detector's answer has another unit"


def test_the_figure_as_bytes(panel: HeatmapPanel) -> None:
    assert drawing.figure(panel, "green-red", ".pdf").startswith(b"%PDF")
    assert decoded(drawing.figure(panel, "green-red", ".png")).shape[1] > 800


def test_a_large_image_has_a_small_overview() -> None:
    assert decoded(drawing.overview(np.zeros((30, 2000, 3), np.uint8))).shape == (6, 400, 3)
    assert decoded(drawing.overview(np.zeros((30, 20, 3), np.uint8))).shape == (30, 20, 3)
