"""What broke other engines: in-place calls, stored tensors, custom Functions, checkpoints, scripts, masks, odd
outputs.
"""

from __future__ import annotations

import copy
import types
from collections import namedtuple
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from l2xbench.attribution import explain
from l2xbench.attribution.engine.paired import paired_forward
from l2xbench.attribution.errors import (
    AttributionError,
    NotFiniteError,
    ReferenceLostError,
    ShapeError,
    UnsupportedOperationError,
)
from tests.attribution.properties import Network, assert_complete, assert_followed, images


class Square(torch.autograd.Function):
    """x^2 with a backward that is wrong on purpose: the forward alone must be followed."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g: Tensor) -> Tensor:
        return g * 7


@torch.jit.script
def scripted(x: Tensor) -> Tensor:
    return torch.sigmoid(x) * x + 1.0


def saved_output_overwritten(x: Tensor) -> Tensor:
    """Plain autograd raises here: sigmoid's saved output is multiplied in place."""
    return (x * 1).sigmoid_().mul_(x)


def writes_through_views(x: Tensor) -> Tensor:
    y = x * 1
    row = y[:, 1]
    row.mul_(2)
    flat = y.view(y.shape[0], 3, -1)
    flat.relu_().add_(x.flatten(2))
    a, b = y.chunk(2, -1)
    a.mul_(b)
    return y + row.unsqueeze(1)


def fills_a_plain_buffer(x: Tensor) -> Tensor:
    out = torch.zeros(x.shape, dtype=x.dtype)
    early = out[:, :1]
    out[:, 0] = x[:, 1]
    out[:, 1:] += x[:, :2] ** 2
    out /= 2
    return out * early


def masked_assignment(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[x > 0.1] = 1
    return y * x


def out_argument(x: Tensor) -> Tensor:
    out = torch.empty(x.shape, dtype=x.dtype)
    torch.mul(x, x, out=out)
    return out


def without_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        y = x.relu() * 2
    with torch.inference_mode():
        y = y + x
    return (y + x.detach().sigmoid() + x.data).tanh()


def scattered_attention(x: Tensor) -> Tensor:
    """The few largest logits put into a row of -inf."""
    logits = x @ x.transpose(-1, -2)
    best = logits.topk(2, dim=-1)
    return torch.full_like(logits, -torch.inf).scatter(-1, best.indices, best.values).softmax(-1) @ x


def masked_attention(x: Tensor) -> Tensor:
    """A mask that the data decide, of a fused kernel, which makes -inf of it."""
    mask = x @ x.transpose(-1, -2) >= (x @ x.transpose(-1, -2)).mean(-1, keepdim=True)
    return torch.nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=mask)


def sparse_attention(x: Tensor) -> Tensor:
    logits = x @ x.mT
    kept = torch.zeros_like(logits).scatter_(-1, logits.topk(3, -1)[1], 1.0)
    return torch.where(kept > 0, logits, torch.full_like(logits, float("-inf"))).softmax(-1) @ x


def hard_gumbel(x: Tensor) -> Tensor:
    torch.manual_seed(0)
    return F.gumbel_softmax(x, dim=1, hard=True) * x


def changes_its_shape_in_place(x: Tensor) -> Tensor:
    y = x * 1
    y.transpose_(1, 2)
    y.unsqueeze_(0)
    return y * 2


TRAPS: dict[str, Callable[[Tensor], Tensor]] = {
    getattr(f, "__name__", "scripted"): f  # older PyTorchs' scripted functions have no name
    for f in (
        saved_output_overwritten, writes_through_views, fills_a_plain_buffer, masked_assignment, out_argument,
        without_grad, sparse_attention, scattered_attention, masked_attention, hard_gumbel,
        changes_its_shape_in_place, scripted,
    )
} | {
    "custom Function": lambda x: Square.apply(x) + Square.apply(x[:, :1]),
    "checkpoint": lambda x: checkpoint(lambda t: t.relu() * t, x, use_reentrant=True)
    + checkpoint(lambda t: t.relu() * t, x, use_reentrant=False),
    "straight-through rounding": lambda x: x + (torch.round(x * 8) / 8 - x).detach(),
    "mask as number": lambda x: ((x > 0.2) & (x < 1)).to(x.dtype) * x,
    "complex": lambda x: (torch.complex(x, x.flip(1)) * torch.complex(x, x * x)).abs(),
    "phase": lambda x: torch.fft.ifft2(torch.polar(torch.fft.fft2(x).abs(), torch.fft.fft2(x).angle())).real,
    "in place on the input": lambda x: x.clone().mul_(2).add_(1) * x,
    "cumulative": lambda x: x.cumsum(-1).relu(),
    "count as number": lambda x: x / (x > 0.1).sum(),
    "mask as integer": lambda x: x * (x > 0.1).long(),
    "bins as numbers": lambda x: x + (x * 4).floor().long() * 0.25,
    "integer arithmetic": lambda x: ((x * 8).round().int() * 2 + 1) / 16 * x,
    "mean of a mask": lambda x: x * (x > 0.1).float().mean((-2, -1), keepdim=True).to(x),
    "constants chosen by data": lambda x: torch.where(x > 0.1, 1.0, -1.0).to(x.dtype) * x,
    "truth subtracted": lambda x: x * (1 - (x > 0.1).to(x.dtype)),
    "vmap": lambda x: torch.vmap(lambda t: t.relu() * t)(x),
    "random but the same for both": lambda x: (torch.manual_seed(0), x + torch.randn_like(x) * x)[1],
}  # fmt: skip


@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.filterwarnings("ignore")
def test_trap(name: str) -> None:
    f = TRAPS[name]
    x, x_ref = images(3)
    assert_followed(f, x, x_ref)
    assert_complete(f, x, x_ref, 1e-9)
    assert_complete(f, x.float(), x_ref.float(), 1e-4)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_recurrent_layers(kind: type[nn.Module]) -> None:
    layer = kind(6, 4, batch_first=True, bidirectional=True).double()
    x, x_ref = images(3)
    assert_complete(lambda t: layer(t[:, 0])[0], x, x_ref, 1e-10)


@pytest.mark.parametrize("kind", [nn.GRUCell, nn.LSTMCell, nn.RNNCell])
def test_recurrent_cells(kind: type[nn.Module]) -> None:
    cell = kind(6, 4).double()

    def steps(t: Tensor) -> Tensor:
        state = None
        for row in t[:, 0].unbind(1):
            state = cell(row, state)
        return state[0] if isinstance(state, tuple) else state

    x, x_ref = images(3)
    assert_complete(steps, x, x_ref, 1e-10)


@pytest.mark.filterwarnings("ignore")
def test_multihead_attention_and_its_fast_path() -> None:
    layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True, activation="gelu").double().eval()
    x, x_ref = images(3)
    assert_complete(lambda t: layer(t[:, 0]), x, x_ref, 1e-10)
    attention = nn.MultiheadAttention(6, 2, batch_first=True).double().eval()
    assert_complete(lambda t: attention(t[:, 0], t[:, 1], t[:, 2], need_weights=False)[0], x, x_ref, 1e-10)


@pytest.mark.filterwarnings("ignore")
def test_scripted_and_traced_modules() -> None:
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 3, 3), nn.Softmax(1)).double().eval()
    x, x_ref = images(3)
    scripted = torch.jit.script(layers)
    exported = torch.export.export(layers, (x,)).module()
    for model in (scripted, torch.jit.trace(layers, x), torch.jit.freeze(scripted), exported):
        assert_complete(model, x, x_ref, 1e-10)


@pytest.mark.filterwarnings("ignore")
def test_a_lazy_module_is_what_it_becomes() -> None:
    model, x = nn.Sequential(nn.LazyConv2d(12, 3, padding=1), nn.ReLU()), torch.rand(1, 3, 8, 8)
    for _ in range(2):
        delta = explain(model, x, reference="black").delta
        torch.testing.assert_close(delta[0], (model(x) - model(0 * x)).abs().sum())


@pytest.mark.filterwarnings("ignore")
def test_programs_are_explained_as_what_they_were_made_of() -> None:
    layers, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3)).eval(), torch.rand(1, 3, 8, 8)
    within = nn.Sequential(torch.jit.trace(layers[:2], x), layers[2])
    for model in (torch.jit.script(layers), within, torch.export.export(layers, (x,)).module()):
        torch.testing.assert_close(explain(model, x).values, explain(layers, x).values)


def test_a_row_that_is_masked_whole_in_one_stream_is_not_made_another() -> None:
    """Its softmax is NaN, which the network makes 0: finite numbers in its place would give other weights."""

    def f(x: Tensor) -> Tensor:
        weights = x.masked_fill(x <= x.mean(-1, keepdim=True), -torch.inf).softmax(-1)
        return torch.where(weights.isnan(), torch.zeros_like(weights), weights) @ x

    x, _ = images(3)
    assert_followed(f, x, torch.ones_like(x))


class Hoarder(nn.Module):
    """Stores tensors on itself, counts its calls, and writes to its buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.mean = torch.zeros(1, 3, 1, 1)
        self.register_buffer("calls", torch.zeros(()))
        self.features: list[Tensor] = []
        self.cache: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.mean = self.mean.type_as(x) + 0
        self.calls += 1
        y = self.norm(self.conv(x - self.mean)).relu()
        self.features.append(y)
        self.cache["last"] = y
        self.last = y
        return y * self.conv.weight.mean()


def test_the_network_is_left_as_it_was() -> None:
    model = Hoarder()
    model.train()
    model.norm.eval()
    model.conv.weight.requires_grad_(False)
    model.conv.register_forward_hook(lambda *_: None)
    before = copy.deepcopy(dict(model.state_dict().items()))
    attributes = set(model.__dict__)
    x, x_ref = (t.float() for t in images(0))
    with paired_forward(model, x, x_ref) as out:
        torch.autograd.grad(out.value.sum(), out.inputs)
    assert set(model.__dict__) == attributes
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.features == []
    assert model.cache == {}
    assert type(model.mean) is Tensor
    assert [m.training for m in (model, model.conv, model.norm)] == [True, True, False]
    assert [p.requires_grad for p in model.conv.parameters()] == [False, True]
    assert all(p.grad is None for p in model.parameters())
    assert len(model.conv._forward_hooks) == 1
    plain = model(x)
    assert type(plain) is Tensor
    assert plain.requires_grad


def test_the_network_is_left_as_it_was_after_an_error() -> None:
    model = Hoarder()
    model.conv = nn.Conv2d(4, 3, 3)
    with pytest.raises(RuntimeError), paired_forward(model, *images(0)):
        pass
    assert model.training
    assert model.features == []
    assert float(model.calls) == 0


NORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "layer norm": lambda x: F.layer_norm(x, (6, 6)),
    "group norm": lambda x: F.group_norm(x, 3),
    "instance norm": F.instance_norm,
    "batch norm": lambda x: F.batch_norm(x, None, None, training=True),
    "log-sigmoid": F.logsigmoid,
}


@pytest.mark.parametrize("name", NORMS)
def test_a_gradient_through_a_norm_within_the_network_is_refused(name: str) -> None:
    """It reads statistics that the norm's rule does not give: a kernel had read past the end of empty ones."""

    def f(x: Tensor, *, to_use: bool) -> Tensor:
        with torch.enable_grad():
            point = x.detach().clone().requires_grad_()
            y = NORMS[name](point)
            return torch.autograd.grad(y.pow(3).sum(), point)[0] + x if to_use else y * x

    x, x_ref = images(0)
    assert_complete(partial(f, to_use=False), x, x_ref, 1e-10)
    with pytest.raises(UnsupportedOperationError, match="returns besides its result"):
        assert_complete(partial(f, to_use=True), x, x_ref, 1e-10)


def test_the_statistics_of_a_norm_are_refused() -> None:
    x, x_ref = images(0)
    with pytest.raises(UnsupportedOperationError, match="returns besides its result"):
        assert_complete(lambda t: torch.native_layer_norm(t, (6, 6), None, None, 1e-5)[1] * t, x, x_ref, 1e-10)


STORE: dict[str, Tensor] = {}


class Store:
    def __init__(self) -> None:
        self.cache: dict[str, Tensor] = {}
        self.last: Tensor | None = None


class Scatterer(nn.Module):
    """Keeps what it computed first in an object, on its class, and in a variable of its file; and goes on using it."""

    latest: Tensor | None = None

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()

    def forward(self, x: Tensor) -> Tensor:
        of_object = self.store.cache.setdefault("first", x * 2)
        self.store.last = x if self.store.last is None else self.store.last
        type(self).latest = x * x if self.latest is None else self.latest
        assert self.latest is not None
        return x + of_object + self.store.last.relu() + self.latest + STORE.setdefault("first", x.abs())


def test_what_is_kept_outside_the_modules_is_put_back_too() -> None:
    network = Scatterer()
    for seed in range(2):
        x, x_ref = images(seed)
        assert_complete(network, x, x_ref, 1e-10)
        assert (network.store.cache, network.store.last, Scatterer.latest, STORE) == ({}, None, None, {})


def test_a_tensor_of_another_pass_is_told() -> None:
    kept: list[Tensor] = []

    def f(x: Tensor) -> Tensor:
        kept.append(x * 2)
        return x + kept[0]

    x, x_ref = images(0)
    assert_complete(f, x, x_ref, 1e-10)
    with pytest.raises(UnsupportedOperationError, match="kept of another image's pass"):
        assert_complete(f, x, x_ref, 1e-10)
    with pytest.raises(AttributionError, match="after its context ended"):
        f(x)


def test_a_constant_of_another_pass_is_one() -> None:
    kept: list[Tensor] = []

    def f(x: Tensor) -> Tensor:
        kept.append(torch.full_like(x, 3.0))
        return x * kept[0]

    x, x_ref = images(0)
    for dtype in (torch.float32, torch.float64):
        assert_complete(f, x.to(dtype), x_ref.to(dtype), 1e-6)
    torch.testing.assert_close(f(x), 3 * x)


@torch.library.custom_op("l2xbench_test::turned", mutates_args=(), schema="(Tensor x) -> Tensor")
def turned(x: Tensor) -> Tensor:
    return x.flip(-1) * 2


def test_an_operation_without_a_gradient_is_a_choice_by_what_moved() -> None:
    x, x_ref = images(0)
    assert_complete(lambda t: turned(t).relu(), x, x_ref, 1e-10)
    with paired_forward(Network(turned), x, x_ref) as out:
        assert [(each.name, each.kind) for each in out.operations] == [("l2xbench_test::turned", "selection")]


def test_one_of_several_outputs() -> None:
    x, x_ref = images(0)
    nested = {"sr": x * 2, "list": [x, x * 3]}
    model = Network(lambda t: {"sr": t * 2, "aux": t})
    with paired_forward(model, x, x_ref, output="sr") as out:
        torch.testing.assert_close(out.value.detach(), nested["sr"])
    with paired_forward(Network(lambda t: [t, t * 3]), x, x_ref, output=1) as out:
        torch.testing.assert_close(out.value.detach(), x * 3)
    with pytest.raises(ShapeError, match=r"\['sr', 'aux'\].*output="), paired_forward(model, x, x_ref):
        pass
    with pytest.raises(ShapeError, match="no output 'hr'"), paired_forward(model, x, x_ref, output="hr"):
        pass


@pytest.mark.parametrize("kind", [types.SimpleNamespace, namedtuple("Pair", ["aux", "sr"])])
def test_an_output_that_is_an_attribute(kind: Callable[..., object]) -> None:
    x, x_ref = images(0)
    model = Network(lambda t: kind(aux=t, sr=t * 2))  # type: ignore[arg-type, return-value]
    with paired_forward(model, x, x_ref, output="sr") as out:
        torch.testing.assert_close(out.value.detach(), x * 2)
    with pytest.raises(ShapeError, match="aux, sr.*choose one"), paired_forward(model, x, x_ref):
        pass
    with pytest.raises(ShapeError, match="no output 'hr'.*aux, sr"), paired_forward(model, x, x_ref, output="hr"):
        pass


def test_half_precision_is_computed_in_float32() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3)).half()
    x, x_ref = (t.half() for t in images(0))
    with pytest.warns(UserWarning, match="half-precision"), paired_forward(model, x, x_ref) as out:
        assert out.value.dtype == torch.float32
        change = (out.value.detach() - out.reference).sum()
        (m,) = torch.autograd.grad(out.value.sum(), out.inputs)
    torch.testing.assert_close((m * (x.float() - x_ref.float())).sum(), change, rtol=1e-4, atol=1e-4)
    assert next(model.parameters()).dtype == torch.float16


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_autocast_within_a_network_is_computed_in_full_precision(low: torch.dtype) -> None:
    layer = nn.Conv2d(3, 4, 3)

    def lowered(t: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=low):
            return layer(t).softmax(1) @ t[..., :4, :].mean(1, keepdim=True)

    x, x_ref = (t.float() for t in images(3))
    with paired_forward(Network(lowered), x, x_ref) as out:
        assert out.value.dtype == torch.float32
        plain = layer(x).softmax(1) @ x[..., :4, :].mean(1, keepdim=True)
        torch.testing.assert_close(out.value.detach(), plain.detach())
    assert_complete(lowered, x, x_ref, 1e-4)


@pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="only newer releases can be told not to compile")
@pytest.mark.filterwarnings("ignore")
def test_compiled_parts_of_a_network() -> None:
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU()).double()
    compiled = torch.compile(layers, backend="eager")
    x, x_ref = images(3)
    with torch.no_grad():
        compiled(x)  # as a network that has been used before
    assert_complete(lambda t: compiled(t).softmax(1), x, x_ref, 1e-10)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), layers(x))


def test_a_lost_reference_names_the_operation_and_the_submodule() -> None:
    class Leaves(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.from_numpy(x.detach().numpy() * 2)

    x, x_ref = images(0)
    with (
        pytest.raises(ReferenceLostError, match=r"numpy\(\) in 1 "),
        paired_forward(nn.Sequential(nn.Identity(), Leaves()), x, x_ref),
    ):
        pass
    with (
        pytest.raises(ReferenceLostError, match="does not depend on the input"),
        paired_forward(Network(lambda t: torch.ones(3)), x, x_ref),
    ):
        pass


def test_a_number_that_only_decides_is_allowed() -> None:
    assert_complete(lambda t: t * 2 if float(t.mean()) > -9 else t, *images(0), 1e-12)


def test_nan_and_inf_name_the_first_submodule() -> None:
    class Bad(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x - x.amax() - 1).log()

    x, x_ref = images(0)
    model = nn.Sequential(nn.Conv2d(3, 3, 1).double(), Bad(), nn.ReLU())
    with pytest.raises(NotFiniteError, match="first in 1, from log"), paired_forward(model, x, x_ref):
        pass
    with pytest.raises(NotFiniteError, match="the input itself"), paired_forward(model, x / 0, x_ref):
        pass


def test_shapes_and_strictness() -> None:
    x, x_ref = images(0)
    with pytest.raises(ShapeError, match="reference's shape"), paired_forward(Network(torch.relu), x, x_ref[:, :1]):
        pass
    with (
        pytest.raises(UnsupportedOperationError, match="cumprod"),
        paired_forward(Network(lambda t: t.cumprod(-1)), x, x_ref, strict=True),
    ):
        pass
    with (
        pytest.raises(UnsupportedOperationError, match="size depends on the data"),
        paired_forward(Network(lambda t: t[t > 0]), x, x_ref),
    ):
        pass


def test_the_line_integral_reports_itself() -> None:
    x, x_ref = images(0)
    with paired_forward(Network(lambda t: torch.linalg.eigvalsh(t @ t.mT)), x, x_ref) as out:
        torch.autograd.grad(out.value.sum(), out.inputs)
    (record,) = [r for r in out.operations if r.kind == "line integral"]
    assert "eigh" in record.name
    assert record.count == 1
    assert record.residual != 0


def test_under_no_grad_and_inference_mode() -> None:
    x, x_ref = images(0)
    with torch.no_grad(), paired_forward(Network(torch.relu), x, x_ref) as out:
        assert out.value.requires_grad


def test_shared_weights_and_modules_used_twice() -> None:
    layer, act = nn.Conv2d(3, 3, 3, padding=1).double(), nn.ReLU(inplace=True)
    assert_complete(lambda t: act(layer(act(layer(t)) + layer(t))), *images(0), 1e-12)


class WritesPast(nn.Module):
    """Changes its own weight while it runs, by a way that tells nobody, between two uses of it."""

    def __init__(self, write: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(6, dtype=torch.float64) + 0.1)
        self.write = write

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(x @ self.weight)
        self.write(self.weight)
        return torch.relu(y @ self.weight)


WRITES: dict[str, tuple[Callable[[Tensor], object], float]] = {
    "read": (lambda w: w.data.sum(), 1),
    "data": (lambda w: w.data.mul_(3), 3),
    "a view of it": (lambda w: w.data[:].t().mul_(3), 3),
    "data of data": (lambda w: w.data.data.mul_(3), 3),
    "numpy": (lambda w: np.multiply(w.data.numpy(), 3, out=w.data.numpy()), 3),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_weight_that_is_written_to_past_its_version(name: str) -> None:
    """Gradients are taken with the weight as it was at each use; one that is only looked at costs no second pass."""
    write, factor = WRITES[name]
    passes: list[object] = []
    network = WritesPast(lambda w: passes.append(write(w))).requires_grad_(False)
    weight = network.weight.clone()
    x, x_ref = images(0)
    with paired_forward(network, x, x_ref) as out:
        (found,) = torch.autograd.grad(out.value.sum(), out.inputs)
    assert torch.equal(network.weight, weight)
    plain = Network(lambda t: torch.relu(torch.relu(t @ weight) @ (weight * factor)))
    with paired_forward(plain, x, x_ref) as out:
        (expected,) = torch.autograd.grad(out.value.sum(), out.inputs)
    torch.testing.assert_close(found, expected)
    assert len(passes) == (1 if name == "read" else 2)
