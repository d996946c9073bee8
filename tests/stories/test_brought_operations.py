"""What networks from elsewhere are made of besides layers: complex numbers, distances, quantised numbers, functions
given to operations, buffers that change; and what cannot be explained, in one line.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import flex_attention
from torch.utils import dlpack

from l2xbench.attribution import AttributionError, explain
from tests.attribution.properties import assert_complete, assert_followed, images

Function = Callable[[Tensor], Tensor]


def spectral(f: Function) -> Function:
    """f of the spectrum."""
    return lambda x: torch.fft.irfft2(f(torch.fft.rfft2(x, norm="ortho")), s=x.shape[-2:], norm="ortho")


ANALYTIC: dict[str, Function] = {
    "exp": torch.exp, "log": lambda z: torch.log(z + 9), "log across its cut": torch.log,
    "tanh": lambda z: torch.tanh(z / 9), "sigmoid": lambda z: torch.sigmoid(z / 9), "square": lambda z: z**2,
    "cube": lambda z: z**3, "z * z": lambda z: z * z, "power": lambda z: (z + 9) ** 0.7, "sqrt": torch.sqrt,
    "sin": lambda z: torch.sin(z / 9), "cosh": lambda z: torch.cosh(z / 9), "rsqrt": lambda z: (z + 20).rsqrt(),
    "reciprocal": lambda z: torch.reciprocal(z + 20), "quotient": lambda z: 1 / (z + 20),
    "silu": lambda z: F.silu(z / 9), "sgn": torch.sgn, "polar": lambda z: torch.polar(z.abs(), z.angle()),
    "phase": lambda z: z.abs() * torch.exp(1j * z.angle()), "where": lambda z: torch.where(z.abs() > 0.5, z, z * 2j),
    "where zero": lambda z: torch.where(z.real > 0, z, torch.zeros_like(z)),
    "variance": lambda z: z * z.var(-1, keepdim=True), "deviation": lambda z: z / (z.std(-1, keepdim=True) + 1),
    "inverse": lambda z: torch.linalg.inv(z[..., :4, :4] + 9 * torch.eye(4)),
}  # fmt: skip


@pytest.mark.parametrize("name", ANALYTIC)
def test_functions_of_complex_numbers(name: str) -> None:
    f = spectral(ANALYTIC[name])
    x, x_ref = images(5)
    assert_followed(f, x, x_ref)
    assert_complete(f, x, x_ref, 1e-9)
    assert_complete(f, x.float(), x_ref.float(), 2e-4)
    assert_complete(f, x, x + 1e-6 * x_ref, 1e-9)


def near(p: float, mode: str) -> Function:
    def f(x: Tensor) -> Tensor:
        a = x.flatten(2).mT
        d = torch.cdist(a, a[:, ::2] * 0.5 + 0.1, p=p, compute_mode=mode)
        return d.neg().softmax(-1) @ a[:, ::2]

    return f


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 2.0, 3.0, float("inf")])
def test_distances(p: float) -> None:
    x, x_ref = images(5)
    for mode in ("use_mm_for_euclid_dist_if_necessary", "donot_use_mm_for_euclid_dist", "use_mm_for_euclid_dist"):
        assert_followed(near(p, mode), x, x_ref)
        assert_complete(near(p, mode), x, x_ref, 1e-9)
        assert_complete(near(p, mode), x.float(), x_ref.float(), 1e-4)


@pytest.mark.filterwarnings("ignore")
def test_distances_are_exact() -> None:
    x, x_ref = images(5)
    from l2xbench.attribution.engine.paired import paired_forward
    from tests.attribution.properties import Network

    with paired_forward(Network(near(2.0, "use_mm_for_euclid_dist")), x, x_ref, strict=True) as out:
        assert "line integral" not in {o.kind for o in out.operations}


@pytest.mark.parametrize("size", [1, 4])
def test_inverse_matrices(size: int) -> None:
    x, x_ref = images(5)
    assert_complete(lambda t: torch.linalg.inv(t[..., :size, :size] + 9 * torch.eye(size).to(t)), x, x_ref, 1e-11)


class Calls(nn.Module):
    """A buffer that every call changes and uses."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(8))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.mean.mul_(0.9).add_(x.mean((0, 2, 3)), alpha=0.1)
        self.mean = self.mean + 0.01
        return x.relu() * self.calls - self.mean.view(-1, 1, 1)


def observed(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    layer = kind()
    layer(torch.randn(4, 8, 6, 6))
    return layer


def fixed(layer: nn.Module) -> nn.Module:
    torch.ao.quantization.disable_observer(layer)
    return layer


def dynamic(*layers: nn.Module) -> Function:
    torch.manual_seed(0)
    network = torch.ao.quantization.quantize_dynamic(nn.Sequential(*layers), {nn.Linear, nn.LSTM}, dtype=torch.qint8)
    return lambda x: network(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def quantised_convolution() -> Function:
    torch.manual_seed(0)
    layer = torch.ao.nn.quantized.Conv2d(8, 8, 3, padding=1)
    weight = torch.quantize_per_tensor(torch.randn(8, 8, 3, 3) / 9, 0.01, 0, torch.qint8)
    layer.set_weight_bias(weight, torch.zeros(8))
    layer.scale, layer.zero_point = 0.05, 64
    return lambda x: layer(torch.quantize_per_tensor(x, 0.05, 64, torch.quint8)).dequantize()


def dynamic_lstm() -> Function:
    torch.manual_seed(0)
    layer = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.LSTM(8, 8)), {nn.LSTM}, dtype=torch.qint8)
    return lambda x: layer(x.permute(2, 0, 3, 1)[:, 0])[0].permute(2, 0, 1)[None]


def conditional(x: Tensor) -> Tensor:
    return torch.cond(x.mean() > -9, torch.tanh, torch.relu, (x,))


def flex(x: Tensor) -> Tensor:
    q = x.flatten(2).mT.unsqueeze(1)
    bias = torch.linspace(-1, 1, 23, dtype=x.dtype)
    return flex_attention(q, q * 2, q, score_mod=lambda s, b, h, i, j: s + bias[(i % 12 - j % 12) + 11]).mT.reshape(
        x.shape
    )


def activation_checkpoint(x: Tensor) -> Tensor:
    return torch.utils.checkpoint.checkpoint(torch.tanh, x, use_reentrant=False)


@pytest.fixture(scope="module")
def brought() -> dict[str, Callable[[], Function]]:
    return {
        "fake quantisation": lambda: lambda x: torch.fake_quantize_per_tensor_affine(x.relu(), 0.01, 0, 0, 255),
        "of each channel": lambda: lambda x: torch.fake_quantize_per_channel_affine(
            x, torch.full((8,), 0.02), torch.zeros(8, dtype=torch.int32), 1, -128, 127
        ),
        "learnt": lambda: lambda x: torch._fake_quantize_learnable_per_tensor_affine(
            x, torch.tensor([0.02]), torch.tensor([1.0]), 0, 255
        ),
        "FakeQuantize": lambda: fixed(observed(torch.ao.quantization.FakeQuantize)),
        "observing": lambda: observed(torch.ao.quantization.FakeQuantize),
        "fused": lambda: observed(torch.ao.quantization.FusedMovingAvgObsFakeQuantize),
        "dynamic int8": lambda: dynamic(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)),
        "int8 convolution": quantised_convolution,
        "dynamic int8 LSTM": dynamic_lstm,
        "cond": lambda: conditional,
        "quantised and back": lambda: lambda x: torch.quantize_per_tensor(x, 0.02, 10, torch.quint8).dequantize(),
        "changing buffers": Calls,
        "flex_attention": lambda: flex,
        "checkpoint": lambda: activation_checkpoint,
        "histogram": lambda: lambda x: x + torch.histc(x, 8).view(1, 8, 1, 1) / 99,
        "embedding_bag": lambda: lambda x: x + F.embedding_bag(
            (x.flatten() * 3).abs().long().clamp(max=9).view(-1, 4), torch.linspace(0, 1, 40).view(10, 4)
        ).mean(),
        "weights of an embedding_bag": lambda: lambda x: x + F.embedding_bag(
            torch.arange(8).view(2, 4), x[0, :, :2, 0].contiguous(), mode="sum"
        ).mean(),
        "deepcopy": lambda: lambda x: copy.deepcopy(x).relu_() + x,
        "resize_as_": lambda: lambda x: torch.empty(0).resize_as_(x).copy_(x).relu(),
        "bincount": lambda: lambda x: x + torch.bincount((x.flatten() * 3).abs().long(), minlength=9)[:1] / 99,
        "sparse weights": lambda: lambda x: (
            x + torch.sparse.mm(torch.eye(8).to_sparse(), x[0].flatten(1)).view(x.shape)
        ),
    }  # fmt: skip


class Body(nn.Module):
    def __init__(self, middle: Function) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head, self.tail = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 3, 1)
        self.middle = middle

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.middle(self.head(x)))


LR = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize(
    "name",
    [
        "fake quantisation", "of each channel", "learnt", "FakeQuantize", "observing", "fused", "dynamic int8",
        "quantised and back", "changing buffers", "flex_attention", "checkpoint", "histogram", "embedding_bag",
        "weights of an embedding_bag",
        "int8 convolution", "dynamic int8 LSTM", "cond", "deepcopy", "resize_as_", "bincount", "sparse weights",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_is_explained_as_the_network_has_it(name: str, brought: dict[str, Callable[[], Function]]) -> None:
    def made() -> nn.Module:
        torch.manual_seed(0)
        return Body(brought[name]())

    found = explain(made(), LR, reference="black", verify=True)
    outputs = []
    for image in (LR, LR * 0):
        with torch.no_grad():
            outputs.append(made().eval()(image))  # a network that has not been called before
    difference = (outputs[0] - outputs[1]).double().abs().sum()
    torch.testing.assert_close(found.values.double().sum(), difference, rtol=3e-5, atol=1e-6)


REFUSED: dict[str, tuple[Function, str]] = {
    "sparse": (lambda x: torch.sparse.mm(x[0, 0].to_sparse(), torch.ones(12, 12)).expand(1, 8, 12, 12), "sparse"),
    "sparse by its places": (
        lambda x: torch.sparse_coo_tensor(torch.arange(12).repeat(2, 1), x[0, 0, 0], (12, 12)).to_dense() + x, "sparse"
    ),
    "sparse by rows": (lambda x: x + x[0, 0].to_sparse_csr().to_dense(), "_to_sparse_csr in Body"),
    "sparse by blocks": (lambda x: x + x[0, 0].to_sparse_bsr((2, 2)).to_dense(), "_to_sparse_bsr in Body"),
    "a loop of PyTorch's": (
        lambda x: torch._higher_order_ops.while_loop(lambda y: y.abs().max() > 1, lambda y: (y / 2,), (x,))[0], "Body"
    ),
    "saved": (lambda x: (torch.save(x.detach(), io.BytesIO()), x)[1], "__reduce_ex__.. in Body"),
    "another library": (lambda x: dlpack.from_dlpack(dlpack.to_dlpack(x.detach())), "Body|tail"),
    "NumPy": (lambda x: torch.from_numpy(x.detach().numpy() * 2), "numpy.. in Body"),
    "a list": (lambda x: torch.tensor(x.tolist()), "tolist.. in Body"),
    "of other sizes": (lambda x: x + torch.unique((x * 4).round()).sum(), "selects"),
    "resize_": (lambda x: (x * 1).resize_(1, 8, 3, 3), "changes the size"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_explained_is_told_in_our_own_words(name: str) -> None:
    f, words = REFUSED[name]
    with pytest.raises(AttributionError, match=words) as told:
        explain(Body(f), LR, reference="black")
    assert "\n" not in str(told.value)


def test_a_failure_of_our_own_names_the_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    from l2xbench.attribution.rules import smooth

    monkeypatch.setattr(smooth, "sigmoid_slope", lambda *_: 1 / 0)
    with pytest.raises(AttributionError, match=r"sigmoid in middle cannot be explained.*division by zero"):
        explain(Body(nn.Sigmoid()), LR)
    with pytest.raises(RuntimeError, match="must match the size"):  # the network's own
        explain(Body(lambda x: x + torch.ones(5)), LR)
