"""The precision of the computation: single outputs in float64, and what a network may have against it."""

from __future__ import annotations

import copy
from queue import SimpleQueue

import pytest
import torch
from torch import Tensor, nn

from l2xbench.attribution import L2X, AttributionError, explain
from tests.attribution.small import Classifier, small_sr

LR = torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(8))
NEURON = "neuron:1,7,9"


class Noting(nn.Module):
    """Notes the types of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.body = small_sr()

    def forward(self, x: Tensor) -> Tensor:
        noted.put(x.dtype)
        return self.body(x)


noted: SimpleQueue[torch.dtype] = SimpleQueue()
"""No list, which would be as it was before once a map is made."""


@pytest.mark.parametrize(
    ("target", "precision", "expected"),
    [
        ("image", "auto", torch.float32),
        ("image", "float64", torch.float64),
        (NEURON, "auto", torch.float64),
        (NEURON, "float32", torch.float32),
        ("patch:3,3,4,4", "auto", torch.float64),
        ("patch:3,3,4,5", "auto", torch.float32),
        (["image", NEURON], "auto", torch.float64),
    ],
)
@pytest.mark.filterwarnings("error")
def test_which_precision_is_taken(target, precision: str, expected: torch.dtype) -> None:
    found = explain(Noting(), LR, target=target, precision=precision)
    assert (noted.get_nowait(), noted.empty()) == (expected, True)
    for one in found if isinstance(found, list) else [found]:
        assert {t.dtype for t in (one.values, one.reference, one.delta, one.completeness_error)} == {torch.float32}


@pytest.mark.parametrize("method", ["l2x", "gradient", "integrated_gradients", "difference"])
@pytest.mark.parametrize(("own", "other"), [(torch.float32, "float64"), (torch.float64, "float32")])
def test_another_precision_gives_that_precisions_map(method: str, own: torch.dtype, other: str) -> None:
    dtype = getattr(torch, other)
    network, options = small_sr().to(own), {"steps": 5} if method == "integrated_gradients" else {}
    found = explain(network, LR.to(own), reference=LR[:1] * 0, method=method, target=NEURON, precision=other, **options)
    expected = explain(
        small_sr().to(dtype),
        LR.to(dtype),
        reference=LR[:1] * 0,
        method=method,
        target=NEURON,
        precision=other,
        **options,
    )
    assert found.values.dtype == own
    torch.testing.assert_close(found.values, expected.values.to(own), rtol=0, atol=0)


@pytest.mark.parametrize("method", ["l2x", "gradient"])
@pytest.mark.parametrize("precision", ["auto", "float32", "float64"])
@pytest.mark.parametrize("own", [torch.float16, torch.float32, torch.float64])
@pytest.mark.filterwarnings("ignore")
def test_the_network_keeps_its_very_storage(method: str, precision: str, own: torch.dtype) -> None:
    network = nn.Sequential(small_sr(), nn.BatchNorm2d(3)).to(own)
    network[0][0].weight.grad = torch.ones_like(network[0][0].weight)
    tensors = dict(network.state_dict(keep_vars=True))
    before = {name: (id(t), t.data_ptr(), t.dtype, t.clone()) for name, t in tensors.items()}
    explain(network, LR.to(own), target=NEURON, method=method, precision=precision)
    for name, t in network.state_dict(keep_vars=True).items():
        assert (id(t), t.data_ptr(), t.dtype) == before[name][:3]
        assert torch.equal(t, before[name][3])
    assert torch.equal(network[0][0].weight.grad, torch.ones_like(network[0][0].weight))


class Constants(nn.Module):
    """Makes float32 constants of its own, and joins them with parameters and with the image in every way."""

    def __init__(self) -> None:
        super().__init__()
        self.body = small_sr()
        self.places = nn.Linear(1, 24)
        self.register_buffer("window", torch.hann_window(24))
        self.table = torch.linspace(-1, 1, 24)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x.float()).to(self.places.weight.dtype)
        bias = self.places(torch.arange(20.0).unsqueeze(-1)).T  # no image in it: float32 with float32
        y = y + bias * self.window.unsqueeze(-1) + self.table.type(torch.float32).view(-1, 1)
        kernel = torch.ones(3, 1, 3, 3, dtype=torch.float32) / 9
        y = nn.functional.conv2d(y, kernel, padding=1, groups=3)
        return torch.cat([y[:, :2], torch.zeros(len(y), 1, 24, 20)], 1).matmul(torch.eye(20)) * torch.full((1,), 0.5)


@pytest.mark.filterwarnings("error")
def test_float32_inside_a_network_is_no_hindrance() -> None:
    found = explain(Constants(), LR, target=NEURON)
    assert found.completeness_error.max() < 1e-10
    assert found.delta.abs().min() > 0


class Refusing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = small_sr()

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.float32:
            raise TypeError("this kernel wants float32\nand nothing else")
        return self.body(x)


def test_where_float64_fails_float32_is_taken_and_said() -> None:
    network = Refusing()
    words = "failed here .TypeError: this kernel wants float32.; computed in torch.float32 instead"
    with pytest.warns(UserWarning, match=words):
        found = explain(network, LR, target=NEURON)
    expected = explain(network, LR, target=NEURON, precision="float32")
    assert torch.equal(found.values, expected.values)
    with pytest.raises(AttributionError, match="precision='float64': the network fails in it .TypeError"):
        explain(network, LR, precision="float64")


def test_a_networks_own_failure_is_its_own() -> None:
    with pytest.raises(RuntimeError, match="expected input"):
        explain(small_sr(), LR[:, :2], target=NEURON)


def test_an_unknown_precision_is_told() -> None:
    with pytest.raises(AttributionError, match="precision 'flaot64' does not exist; did you mean 'float64'"):
        explain(small_sr(), LR, precision="flaot64")


def test_tiles_are_computed_in_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, tiled = (explain(small_sr(), LR, target=NEURON, tile=tile, overlap=4) for tile in (None, 10))
    torch.testing.assert_close(tiled.values, whole.values, rtol=1e-6, atol=1e-9)
    assert tiled.completeness_error.max() < 1e-12
    asked: list[int] = []
    auto_tile = "l2xbench.attribution.in_tiles.auto_tile"
    monkeypatch.setattr(auto_tile, lambda images, overlap, need: asked.append(need(images)))
    for precision in ("float32", "float64"):
        explain(small_sr(), LR, tile="auto", precision=precision)
    assert asked[1] == 2 * asked[0]


def test_the_captum_shim_takes_float64_for_its_single_outputs() -> None:
    network, images = Classifier(), torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = L2X(network).attribute(images, target=2)
    exact = L2X(copy.deepcopy(network).double()).attribute(images.double(), target=2)
    assert found.dtype == torch.float32
    assert torch.equal(found, exact.float())
    plain = L2X(network, precision="float32").attribute(images, target=2)
    assert not torch.equal(plain, found)
    torch.testing.assert_close(plain, found, rtol=1e-4, atol=1e-6)


class Inference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = small_sr()

    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


@pytest.mark.filterwarnings("error")
def test_a_network_in_inference_mode_is_computed_in_float64_too() -> None:
    found = explain(Inference(), LR, target=NEURON)
    assert found.completeness_error.max() < 1e-10
