"""What `explain` gives can be looked at, kept, and read again."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.text import Text

from l2xbench import Attribution, explain
from l2xbench.attribution import AttributionError
from l2xbench.errors import RequestError


@pytest.fixture
def found() -> Attribution:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 12, 3, padding=1), torch.nn.ReLU(), torch.nn.PixelShuffle(2))
    return explain(net, torch.rand(2, 3, 9, 7), target="patch:4,4,8,8", reference="mean", seed=5)


def test_it_is_read_as_it_was_kept(found: Attribution, tmp_path: Path) -> None:
    again = Attribution.load(found.save(tmp_path / "kept.npz"))
    for name in ("values", "inputs", "reference", "delta", "completeness_error", "jump"):
        assert torch.equal(getattr(again, name), getattr(found, name))
    assert (again.method, again.target) == ("l2x", "patch:4,4,8,8")
    expected = {"network": "Sequential", "reference": "mean", "precision": "float32", "seed": 5}
    assert dict(again.settings) == expected == dict(found.settings)
    assert np.array_equal(found.numpy(), again.values.numpy())


def test_what_was_kept_without_images_is_read(found: Attribution, tmp_path: Path) -> None:
    again = Attribution.load(replace(found, inputs=None).save(tmp_path / "kept.npz"))
    assert again.inputs is None and torch.equal(again.values, found.values)
    assert "data:image/png" in again._repr_html_(), "the reference is drawn underneath"


def test_settings_hold_the_tiles_and_the_output_that_were_asked_for() -> None:
    class Two(torch.nn.Module):
        name = "two-outputs"

        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            return [x, 2 * x]

    settings = explain(Two(), torch.rand(1, 3, 8, 8), output=1, tile=6, overlap=2).settings
    assert {"network": "two-outputs", "output": 1, "tile": 6, "overlap": 2}.items() <= settings.items()


def test_settings_hold_the_methods_own_options() -> None:
    net = torch.nn.Conv2d(3, 3, 1)
    a = explain(net, torch.rand(1, 3, 4, 4), method="integrated_gradients", steps=3, precision="float64")
    assert a.settings["steps"] == 3 and a.settings["precision"] == "float64"


@pytest.mark.parametrize("kind", ["absent", "text", "other", "about", "pickle"])
def test_another_file_is_told_and_runs_nothing(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    if kind == "text":
        path.write_text("no zip")
    elif kind == "other":
        np.savez(path, values=np.zeros(3))
    elif kind == "about":
        numbers = {name: np.zeros(1) for name in ("values", "reference", "delta", "completeness_error", "jump", "gap")}
        np.savez(path, **numbers, about=np.array("[1]"))
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"values": 1}))
    with pytest.raises(
        AttributionError, match="no such file" if kind == "absent" else "not what Attribution.save writes"
    ):
        Attribution.load(path)


def test_in_short(found: Attribution) -> None:
    assert repr(found).startswith("Attribution(l2x, patch:4,4,8,8: 2 x 3 x 9 x 7, delta ") and len(repr(found)) < 120
    shown = found._repr_html_()
    assert shown.count("<img") == 2 and "data:image/png;base64,iVBOR" in shown and "<script" not in shown


def test_a_figure_has_a_colour_bar_with_signs_and_units(found: Attribution) -> None:
    figure = found.plot(torch.rand(2, 3, 9, 7), index=1)
    picture, bar = figure.axes
    assert (
        len(picture.images) == 1 and "symmetric log" in bar.get_xlabel() and "units of the output" in bar.get_xlabel()
    )
    assert figure._repr_png_()[:4] == b"\x89PNG", "a notebook shows it where pyplot was not imported"
    assert figure.get_size_inches()[0] == pytest.approx(8.5 / 2.54)
    assert "symmetric log" not in found.plot(scale="linear").axes[1].get_xlabel()
    assert f"{float(found.delta[1]):.4g}" in figure.texts[0].get_text()


def test_the_target_is_framed_where_it_lies_in_lr_pixels(found: Attribution) -> None:
    assert not found.plot().axes[0].patches, "how far a module of one's own enlarges is not known"
    (frame,) = found.plot(enlarged=2).axes[0].patches
    assert (*frame.get_xy(), frame.get_width(), frame.get_height()) == (1.5, 1.5, 4, 4)
    net = torch.nn.Conv2d(3, 3, 3, padding=1)
    net.scale = 1
    (frame,) = explain(net, torch.rand(1, 3, 8, 8), target="neuron:0,3,2").plot().axes[0].patches
    assert frame.get_xy() == (1.5, 2.5)
    assert " in units of the output" in found.plot().texts[0].get_text()


@pytest.mark.parametrize("size", [(9, 7), (8, 24)])
def test_all_text_lies_within_the_figure(size: tuple[int, int]) -> None:
    a = explain(torch.nn.Conv2d(3, 3, 3, padding=1), torch.rand(1, 3, *size), target="patch:2,2,4,4")
    figure = a.plot()
    figure.draw_without_rendering()
    page = figure.bbox
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1, text.get_text()


def test_the_image_lies_under_the_map_whatever_its_range() -> None:
    """Where nothing was used, what shows is the image: in [0, 1], and the same in a network's range of [0, 255]."""
    image = torch.linspace(0, 1, 48).reshape(1, 3, 4, 4)
    drawn = []
    for size in (1, 255):
        a = explain(torch.nn.Identity(), size * image, reference=size * image.clone())
        drawn.append(np.asarray(a.plot().axes[0].images[0].get_array()))
    assert np.array_equal(drawn[0], drawn[1]) and drawn[0].min() < drawn[0].max()


def test_what_cannot_be_drawn_is_told(found: Attribution) -> None:
    with pytest.raises(AttributionError, match="index: 2 is not one of 2 maps"):
        found.plot(index=2)
    with pytest.raises(AttributionError, match="is not that of the map"):
        found.plot(torch.rand(3, 8, 8))
    with pytest.raises(RequestError, match="palette"):
        found.plot(palette="pink")
