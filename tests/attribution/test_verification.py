"""The paired pass against plain ones: an output that is not followed, random draws, routes, and other precisions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import l2xbench.attribution.engine.watch as watch
from l2xbench.attribution import AttributionError, explain
from l2xbench.attribution.audit import audit
from l2xbench.attribution.errors import UnsupportedOperationError
from l2xbench.attribution.verification import require_plain_outputs
from tests.attribution.properties import Network
from tests.attribution.small import small_sr

LR = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(8))
NEURON = "neuron:1,7,9"


class Body(nn.Module):
    """A convolution, something in the middle, and another."""

    def __init__(self, middle: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head, self.tail = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 1)
        self.middle = Network(middle)

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.middle(self.head(x)))


def own_difference(network: nn.Module, x: Tensor, x_ref: Tensor, seed: int | None = None) -> Tensor:
    outputs = []
    for image in (x, x_ref):
        if seed is not None:
            torch.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
        with torch.no_grad():
            outputs.append(network(image))
    return (outputs[0] - outputs[1]).double()


class Assigned(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x * 1
        y.data = y.data.clamp(-0.1, 0.1)
        return y


def test_what_is_not_followed_is_an_error_that_names_the_submodule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SET_DATA", None)  # as if the engine did not know of it
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), Assigned()), nn.Conv2d(4, 3, 3))
    explain(network, LR)  # nothing tells without
    for ask in (lambda: explain(network, LR, verify=True), lambda: audit(network, LR, LR * 0)):
        with pytest.raises(UnsupportedOperationError, match=r"does not follow this network.* first in 1\.1$"):
            ask()


def halves(x: Tensor) -> Tensor:
    return x + x.relu().bfloat16().float()


VERIFIED: dict[str, Callable[[Tensor], Tensor]] = {
    "plain": torch.relu,
    "random": lambda x: F.dropout(x, 0.5, training=True),
    "random of NumPy": lambda x: x * float(np.random.rand()),  # noqa: NPY002
    "autocast": lambda x: torch.autocast("cpu", dtype=torch.bfloat16)(lambda t: t @ t.mT)(x),
    "half precision": halves,
    "data assigned": Assigned(),
    "sorted": lambda x: x.sort(1)[0] * x.argsort(1),
}


@pytest.mark.parametrize("name", VERIFIED)
@pytest.mark.filterwarnings("ignore")
def test_no_network_is_accused_wrongly(name: str) -> None:
    require_plain_outputs(Body(VERIFIED[name]), LR, LR * 0.5)
    require_plain_outputs(Body(VERIFIED[name]).double(), LR.double(), LR.double() * 0.5)


def drawn_in_its_own_type(x: Tensor) -> Tensor:
    return torch.einsum("bchw,cd->bdhw", x, torch.randn(8, 8, dtype=x.dtype)).relu()


def noise_and_selection(x: Tensor) -> Tensor:
    f = x + 0.1 * torch.randn_like(x)
    mask = f > 0.2
    g = f.clone()
    g[mask] = f[mask] * 2
    return g


def refuses_float64(x: Tensor) -> Tensor:
    f = torch.randn(8, 1, 1, dtype=x.dtype) * x
    assert f.dtype == torch.float32
    return f


DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "randn": drawn_in_its_own_type,
    "rand_like": lambda x: x * torch.rand_like(x),
    "dropout": lambda x: F.dropout(x.relu(), 0.5, training=True),
    "normal_": lambda x: x * torch.empty_like(x).normal_(),
    "gumbel": lambda x: F.gumbel_softmax(x, dim=1) * x,
    "noise and selection": noise_and_selection,
    "refuses float64": refuses_float64,
    "NumPy": lambda x: x * float(np.random.rand()),  # noqa: NPY002
}


@pytest.mark.parametrize("target", ["image", NEURON])
@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.filterwarnings("error", "ignore:single outputs", "ignore:.*deprecated")
def test_a_random_network_is_explained_as_it_is_drawn(name: str, target: str) -> None:
    network = Body(DRAWS[name])
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    found = explain(network, LR, target=target)
    difference = own_difference(network, LR, found.reference, seed=5)
    expected = difference.abs().sum() if target == "image" else difference[0, 1, 7, 9]
    torch.testing.assert_close(found.values.double().sum(), expected, rtol=1e-5, atol=1e-7)


def ranked_by(norm: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A normalization, then an order by rank: a last bit may change it."""

    def f(x: Tensor) -> Tensor:
        flat = norm(x).flatten(2)
        values, order = flat.sort(-1)
        return (values.cumsum(-1) + flat.gather(2, order.flip(-1)) * 3).view_as(x)

    return f


def own_var(x: Tensor) -> Tensor:
    return (x - x.mean(1, keepdim=True)) / torch.sqrt(x.var(1, keepdim=True, unbiased=False) + 1e-5)


RANKED: dict[str, Callable[[Tensor], Tensor]] = {
    "var": own_var,
    "std": lambda x: x / (x.std(1, keepdim=True) + 0.1),
    "GroupNorm": lambda x: F.group_norm(x, 2),
    "InstanceNorm": F.instance_norm,
    "log_softmax": lambda x: F.log_softmax(x, 1),
    "prod": lambda x: x * x.abs().add(0.5).prod(1, keepdim=True),
    "attention": lambda x: F.scaled_dot_product_attention(x, x * 2, x),
    "RMSNorm": lambda x: F.rms_norm(x, x.shape[-1:]),
    "LSTM": lambda x: recurrent(x.flatten(2).transpose(1, 2))[0].transpose(1, 2).view_as(x),
}
torch.manual_seed(1)
recurrent = nn.LSTM(8, 8, batch_first=True)


@pytest.mark.parametrize("name", RANKED)
@torch.no_grad()
def test_streams_have_the_networks_own_bits(name: str) -> None:
    from l2xbench.attribution.engine.paired import paired_forward

    network = Body(ranked_by(RANKED[name]))
    x = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(3))
    with paired_forward(network, x, x * 0.7) as out:
        assert torch.equal(out.value.detach(), network(x))
        assert torch.equal(out.reference, network(x * 0.7))


def test_the_gap_to_the_networks_own_precision_is_told() -> None:
    calm = explain(Body(VERIFIED["sorted"]), LR, target=NEURON)
    assert 0 <= float(calm.gap) < 1e-3
    for without in (explain(small_sr(), LR, target=NEURON), explain(Body(VERIFIED["sorted"]), LR)):
        assert torch.isnan(without.gap).all()

    def picks(x: Tensor) -> Tensor:
        ties = (x * 1e2 + 1e8).sort(-1)[1]  # in float32 most are equal
        return x.gather(-1, ties) * 5

    with pytest.warns(UserWarning, match="off that of the network in its own torch.float32"):
        found = explain(Body(picks), LR, target=NEURON)
    assert float(found.gap) > 1e-3


def test_half_precision_within_a_network_is_said() -> None:
    with pytest.warns(UserWarning, match=r"middle casts to half precision, which is computed in torch.float32"):
        explain(Body(halves), LR)


class Refusing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = small_sr()

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x).float()
        assert y.dtype == torch.float
        return y


def test_a_network_that_asserts_float32_stays_in_it() -> None:
    words = r"Refusing asserts `y.dtype == torch.float`, which does not hold"
    with pytest.warns(UserWarning, match=words):
        found = explain(Refusing(), LR, target=NEURON)
    assert float(found.completeness_error) < 1e-3
    with pytest.warns(UserWarning, match="computed in float32, since the network refuses float64"):
        found = explain(Refusing(), LR.double())
    assert found.values.dtype == torch.float64
    assert float(found.completeness_error) < 1e-5
    with pytest.raises(AttributionError, match=words):
        explain(Refusing(), LR, precision="float64")
    assert audit(Refusing(), LR, LR * 0).worst < 1e-5


def test_functional_calls_with_every_argument_by_name() -> None:
    layer, norm = nn.Conv2d(3, 8, 3), nn.LayerNorm(10)

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = layer, norm

        def forward(self, x: Tensor) -> Tensor:
            y = F.conv2d(input=x, weight=self.layer.weight, bias=self.layer.bias)
            y = F.layer_norm(input=y, normalized_shape=(10,), weight=self.norm.weight, bias=self.norm.bias)
            y = F.linear(input=y, weight=torch.ones(4, 10), bias=torch.ones(4))
            return torch.matmul(input=F.softmax(input=y, dim=-1), other=torch.ones(4, 2))

    for dtype in (torch.float32, torch.float64):
        found = explain(Named(), LR.to(dtype))
        assert float(found.completeness_error) < (1e-5 if dtype == torch.float32 else 1e-10)
    assert float(explain(Named(), LR, target=NEURON.replace("9", "1")).completeness_error) < 1e-10


def routes_by_count(x: Tensor) -> Tensor:
    n = int((x > 0.1).float().mean() * 8)
    return torch.cat([x[:, :n] * 2, x[:, n:].tanh()], 1)


def routes_by_truth(x: Tensor) -> Tensor:
    return x.relu() * 3 if bool(x.mean() > -0.05) else x.sigmoid()


def routes_by_float(x: Tensor) -> Tensor:
    return x.relu() * 3 if x.mean().item() > -0.05 else x.sigmoid()


@pytest.mark.parametrize("f", [routes_by_count, routes_by_truth, routes_by_float])
@pytest.mark.parametrize("target", ["image", NEURON])
def test_routes_by_python_numbers_are_explained_along_the_images_own(
    f: Callable[[Tensor], Tensor], target: str
) -> None:
    network, x = Body(f), LR
    references = [LR * scale for scale in (0.0, 0.3, 2.0, -1.0)]
    jumps = 0
    words = ("routes by a Python number", "explained along the image's own route")
    for reference in references:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = explain(network, x, reference=reference, target=target)
        jumps += (said := any(all(each in str(w.message) for each in words) for w in told))
        assert said == (float(found.jump) != 0)
        assert float(found.completeness_error) < 1e-5
        difference = own_difference(network, x, reference)
        if target == NEURON:
            torch.testing.assert_close(
                (found.delta + found.jump).double(), difference[:, 1, 7, 9], rtol=1e-4, atol=1e-6
            )
        elif not said:
            torch.testing.assert_close(found.delta.double(), difference.abs().sum().view(1), rtol=1e-4, atol=1e-6)
    assert jumps


COMPUTES: dict[str, Callable[[Tensor], Tensor]] = {
    "float": lambda x: x * float(x.mean()),
    "item": lambda x: x - x.mean().item(),
    "division": lambda x: x / x.abs().max().item(),
    "mathematics": lambda x: x / math.sqrt(x.square().mean().item()),
    "text": lambda x: x - float(f"{x.mean():.2f}"),
    "a count": lambda x: x * (x > 0).sum().item() / 100,
    "an integer": lambda x: x * int(x.abs().max() * 9),
    "a filling": lambda x: x + torch.full((1, 1, 1, 1), float(x.mean())),
    "a bound": lambda x: x.clamp(max=x.mean().item()),
}


@pytest.mark.parametrize("kind", COMPUTES)
def test_python_numbers_that_are_computed_with_are_the_images_and_what_the_references_change_is_told(kind: str) -> None:
    """`delta` is exact with the image's number in both streams; with `jump` it is the network's own difference."""
    network, reference = Body(COMPUTES[kind]), 0.4 * LR
    with pytest.warns(UserWarning, match=r"Python number.*\(\) in middle"):
        found = explain(network, LR, reference=reference, target=NEURON)
    assert float(found.completeness_error) < 1e-5
    assert float(found.jump) != 0
    own = own_difference(network, LR, reference)[:, 1, 7, 9]
    torch.testing.assert_close((found.delta + found.jump).double(), own, rtol=1e-4, atol=1e-6)


def test_a_number_that_is_only_shown_changes_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = explain(Body(lambda x: (f"{x.mean():.4f} {x.std().item():.3g}", x.relu())[1]), LR)
    assert float(found.completeness_error) < 1e-5
    assert float(found.jump) == 0


def test_a_number_that_decides_the_shape_is_refused() -> None:
    with pytest.raises(UnsupportedOperationError, match="decides the shape"):
        explain(Network(lambda x: x[..., : int(x.mean() * 12) + 1]), LR, reference="black")
