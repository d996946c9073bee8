"""Some networks and one image, from Python."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import l2xbench
from l2xbench.errors import RequestError

TARGET = "patch:16,16,16,16"


class Doubling(torch.nn.Module):
    """A user's network, whose scale nobody says."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.nn.Conv2d(3, 12, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pixel_shuffle(self.last(x), 2)


@pytest.fixture
def lr() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (14, 12, 3), dtype=np.uint8)


def test_maps_are_those_of_explain(lr: np.ndarray, tmp_path: Path) -> None:
    net = l2xbench.load_model("carn-compact")
    found = l2xbench.compare({"one": net, "two": "edsr-compact"}, lr, target=TARGET, reference="mean")
    inputs = torch.from_numpy(lr).permute(2, 0, 1)[None] / 255
    alone = l2xbench.explain(net, inputs, target=TARGET, reference="mean")
    np.testing.assert_allclose(found.maps["one"], alone.values[0].numpy(), atol=1e-5)
    assert found.sr["two"].shape == (56, 48, 3)
    row = found.table.loc["one"]
    assert row["delta"] == pytest.approx(float(alone.delta[0])) and row["completeness_error"] < 1e-5
    assert row["diffusion_index"] == pytest.approx(l2xbench.diffusion_index(alone.values[0]))
    assert found.correlation.loc["one", "one"] == pytest.approx(1) and -1 <= found.correlation.loc["one", "two"] < 1
    saved = found.save(tmp_path / "out")
    assert {path.name for path in saved} == {"heatmap.png", "heatmap.pdf", "table.csv", "one.npz", "two.npz"}
    with np.load(tmp_path / "out/one.npz") as arrays:
        assert np.array_equal(arrays["values"], found.maps["one"])
    content, looks = found._repr_png_()
    with Image.open(io.BytesIO(content)) as figure:
        assert 1200 >= figure.width > looks["width"] > 300


def test_an_image_comes_as_a_file_an_array_or_a_tensor_and_hr_besides(lr: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(lr).save(tmp_path / "photo.png")
    tensor = l2xbench.read_image(tmp_path / "photo.png")
    hr = np.kron(lr, np.ones((4, 4, 1), np.uint8))
    maps = [l2xbench.compare(["carn-compact"], each, hr=hr) for each in (tmp_path / "photo.png", lr, tensor)]
    for each in maps:
        assert np.array_equal(each.maps["carn-compact"], maps[0].maps["carn-compact"])
        assert 5 < each.table["psnr"].iloc[0] < 40


def test_any_module_of_any_scale(lr: np.ndarray) -> None:
    torch.manual_seed(0)
    found = l2xbench.compare([Doubling(), Doubling()], lr, target="image")
    assert list(found.maps) == ["Doubling", "Doubling-2"] and found.sr["Doubling"].shape == (28, 24, 3)


@pytest.mark.parametrize(
    ("networks", "more", "told"),
    [
        ([], {}, "networks: at least one"),
        ("edsr-compact", {}, "networks: a list of them"),
        (["edsr-compakt"], {}, "did you mean 'edsr-compact'"),
        (["edsr-compact", Doubling()], {}, "Doubling is for scale 2, edsr-compact for scale 4"),
        (["edsr-compact"], {"hr": np.zeros((20, 20, 3), np.uint8)}, r"hr: \(20, 20\) pixels are not 4 times"),
        (["edsr-compact"], {"target": "patsch"}, "target"),
    ],
)
def test_what_is_wrong_is_told(networks: object, more: dict[str, object], told: str, lr: np.ndarray) -> None:
    with pytest.raises((RequestError, l2xbench.attribution.AttributionError), match=told):
        l2xbench.compare(networks, lr, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("image", [np.zeros((3, 8, 8), np.uint8), np.zeros((8, 8, 3)), torch.zeros(3, 8, 8)])
def test_what_is_no_image_is_told(image: np.ndarray | torch.Tensor) -> None:
    with pytest.raises(RequestError, match="image: "):
        l2xbench.compare(["edsr-compact"], image)


def test_a_part_of_an_image(tmp_path: Path, lr: np.ndarray) -> None:
    Image.fromarray(lr).save(tmp_path / "photo.png")
    part = l2xbench.read_image(tmp_path / "photo.png", crop=(2, 1, 6, 5))
    assert torch.equal(part[0].permute(1, 2, 0) * 255, torch.from_numpy(lr[2:8, 1:6]).float())
    assert l2xbench.read_image(tmp_path / "photo.png", crop=8).shape == (1, 3, 8, 8)
    with pytest.raises(RequestError, match="is not inside an image of 14 x 12 pixels"):
        l2xbench.read_image(tmp_path / "photo.png", crop=13)
