"""The choices of a tab: window, patch, question, and the panel of what was found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from l2xbench.errors import RequestError
from l2xbench.explore import pictures
from l2xbench.explore.tab import Tab
from l2xbench.explore.workbench import Answer
from l2xbench.studies.shared.maps import NetworkImage, NetworkMap


@pytest.fixture
def tab(tmp_path: Path) -> Tab:
    path = tmp_path / "lr.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 100, 3), np.uint8)).save(path)
    opened = Tab(4, ["a", "b"], side=32)
    (picture,) = pictures.collect([str(path)], 4, "lr")
    opened.open(picture, pictures.load(picture, 4))
    return opened


def test_an_image_opens_at_its_middle(tab: Tab) -> None:
    assert tab.window == (4, 34, 32, 32)
    assert tab.window_middle == (20, 50)
    assert tab.sr_shape == (128, 128)
    assert tab.box == (56, 56, 16, 16)
    assert tab.request == ("patch:56,56,16,16", "blur", "l2x", ())


def test_the_patch_stays_within_the_window(tab: Tab) -> None:
    tab.spot = (0, 127)
    assert tab.box == (0, 112, 16, 16)
    tab.patch = 1
    assert tab.box == (0, 127, 1, 1)
    tab.patch = 500
    assert tab.box == (0, 0, 128, 128)


def test_all_of_the_window_is_a_target_that_keeps_the_spot(tab: Tab) -> None:
    tab.whole_window = True
    assert tab.request.target == "image"
    assert tab.frame is None
    tab.whole_window = False
    assert tab.request.target == "patch:56,56,16,16"
    assert tab.frame == tab.box


def test_another_window_forgets_answers_and_spot(tab: Tab) -> None:
    tab.answers["a"] = answer(tab)
    tab.spot = (1, 1)
    tab.look(64, (0, 0))
    assert tab.window == (0, 0, 40, 64)
    assert tab.spot == (80, 128)
    assert tab.answers == {}
    assert tab.pair is not None and tab.pair.lr.shape == (40, 64, 3)


def test_the_request_has_variance_and_options(tab: Tab) -> None:
    tab.variance, tab.method, tab.options = 2.5, "lam", {"steps": 20}
    assert tab.request[1:] == ("blur:alpha=2.5", "lam", (("steps", 20),))
    tab.reference = "mean"
    assert tab.request.reference == "mean"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("method", "l3x", "did you mean 'l2x'"),
        ("variance", -1.0, "alpha is '-1'"),
        ("options", {"steps": 20}, "method 'l2x': option"),
    ],
)
def test_a_wrong_choice_is_told(tab: Tab, field: str, value: object, expected: str) -> None:
    setattr(tab, field, value)
    with pytest.raises(RequestError, match=expected):
        _ = tab.request


def answer(tab: Tab) -> Answer:
    assert tab.pair is not None
    values = np.zeros((3, *tab.pair.lr.shape[:2]), np.float32)
    values[:, 14:18, 14:18] = 0.5
    arrays = {"values": values, "reference": values, "delta": np.float32(24)}
    found = NetworkMap(arrays, completeness_error=0.0, seconds=0.1)
    return Answer(tab.request, found, positive=1.0, diffusion=1.0)


def test_the_panel_shows_the_networks_that_have_answered(tab: Tab) -> None:
    sr = {name: NetworkImage(np.zeros((128, 128, 3), np.uint8)) for name in ("a", "b")}
    assert tab.panel(sr) is None
    tab.answers["b"] = answer(tab)
    panel = tab.panel(sr)
    assert panel is not None
    assert [network.name for network in panel.networks] == ["b"]
    assert panel.target == "patch:56,56,16,16"
    assert panel.hr is None
    tab.answers["a"] = answer(tab)
    panel = tab.panel(sr)
    assert panel is not None and [network.name for network in panel.networks] == ["a", "b"], "the order of the choices"


def test_the_panel_of_all_of_the_window_enlarges_no_part(tab: Tab) -> None:
    sr = {name: NetworkImage(np.zeros((128, 128, 3), np.uint8)) for name in ("a", "b")}
    tab.whole_window = True
    tab.answers["a"] = answer(tab)
    panel = tab.panel(sr)
    assert panel is not None and panel.target == "image" and panel.zoom is None
