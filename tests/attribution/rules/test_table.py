"""The table of treatments: no entry that can never apply, and each call gets the treatment it should, at its cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision.ops  # noqa: F401  (its operations have rows)
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from l2xbench.attribution.engine import streams, watch
from l2xbench.attribution.engine.operations import is_composite, operation_of
from l2xbench.attribution.engine.paired import paired_forward
from l2xbench.attribution.engine.special import HANDLERS, RAGGED
from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.attribution.rules.table import CALL_TABLE, COMPLEX, REFUSED, TABLE, Row, by_name, on
from l2xbench.attribution.rules.treatment import HANDLERS as HANDLER_NAMES
from l2xbench.attribution.rules.treatment import Treatment
from l2xbench.system.torch_parts import TESTED
from tests.attribution.properties import Function, Network, assert_complete, images


def overloads(name: str) -> list[Any]:
    """The operation's overloads that PyTorch does not take apart."""
    namespace, _, plain = name.rpartition("::")
    packet = getattr(getattr(torch.ops, namespace or "aten"), plain, None)
    if packet is None:
        return []
    found = []
    for overload in packet.overloads():
        try:
            operation = getattr(packet, overload)
            if not is_composite(operation, True):
                found.append(operation)
        except RuntimeError:  # an overload for TorchScript alone
            continue
    return found


def argument_names(operation: Any) -> set[str]:
    return {argument.name for argument in operation._schema.arguments}


def shadowed(row: Row) -> list[tuple[int, int]]:
    """Pairs of treatments of which the first takes all calls of the second."""
    found = []
    for later, second in enumerate(row.treatments):
        for earlier, first in enumerate(row.treatments[:later]):
            rules_apply = first.kind != "special"
            covers = first.moving is None or (second.moving is not None and second.moving <= first.moving)
            if rules_apply and covers and first.when in (None, second.when):
                found.append((earlier, later))
    return found


@pytest.mark.parametrize("name", TABLE)
def test_every_entry_can_apply(name: str) -> None:
    """The operation exists and PyTorch leaves it whole, its arguments exist, and no treatment hides another."""
    found = overloads(name)
    if not found and tuple(map(int, torch.__version__.split(".")[:2])) < tuple(map(int, TESTED[1].split("."))):
        pytest.skip("only newer releases have this operation, or leave it whole")
    assert found, f"{name}: PyTorch has no such operation, or writes it by others"
    assert shadowed(TABLE[name]) == []
    for treatment in TABLE[name].treatments:
        if treatment.moving is not None:
            assert any(treatment.moving <= argument_names(operation) for operation in found), treatment
    if TABLE[name].treatments[0].kind == "special" and len(TABLE[name].treatments) == 1:
        assert TABLE[name].treatments[0].handler in HANDLERS


@pytest.mark.parametrize("name", CALL_TABLE)
def test_every_call_followed_whole_can_apply(name: str) -> None:
    (operation,) = {o for o in watch.WHOLE.values() if o.name == name}
    assert shadowed(operation.row) == []
    assert all(t.moving is not None and t.moving <= set(operation.arguments) for t in operation.row.treatments)


def test_the_engine_does_what_the_table_leaves_to_it() -> None:
    assert {*HANDLERS, *RAGGED} == set(HANDLER_NAMES)
    named = {t.handler for row in TABLE.values() for t in row.treatments if t.handler is not None}
    assert named == set(HANDLER_NAMES)
    assert all(hasattr(Tensor, name) for name in REFUSED)


def test_a_shadowed_treatment_is_found() -> None:
    rule = Treatment("linear")
    assert shadowed(Row("x", (rule.only("self"), rule.only("other"), rule))) == []
    assert shadowed(Row("x", (rule, rule.only("self")))) == [(0, 1)]
    assert shadowed(Row("x", (rule.only("self", "other"), rule.only("other")))) == [(0, 1)]
    with pytest.raises(ValueError, match="relu stands in two lines"):
        by_name([on("relu", rule), on("abs relu", rule)])


class Kernels(TorchDispatchMode):
    """Counts the operations that are run on plain tensors: those of the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(kind not in (Tensor, nn.Parameter) for kind in types):
            return NotImplemented
        self.count[operation_of(func).name] += 1
        return func(*args, **(kwargs or {}))


Ran = list[tuple[str, Treatment]]


@contextmanager
def noting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ran]:
    """The operations and the treatments that ran."""
    ran: Ran = []
    treated = streams.treated

    def noted(trace: Any, treatment: Treatment, call: Call) -> Pair:
        ran.append((call.name, treatment))
        return treated(trace, treatment, call)

    with monkeypatch.context() as patch:
        patch.setattr(streams, "treated", noted)
        patch.setattr(watch, "treated", noted)
        yield ran


def positive(f: Function) -> Function:
    return lambda x: f(x.abs() + 0.1)


def warp(x: Tensor, flow: Tensor) -> Tensor:
    return F.grid_sample(x, flow.movedim(1, -1), align_corners=False)


def pooled(x: Tensor) -> tuple[Tensor, Tensor]:
    return F.max_pool2d(x, 2, return_indices=True)


HALF = torch.full((2, 3, 6, 6), 0.5, dtype=torch.float64)
MASK = torch.arange(6) % 2 == 0
AT = torch.tensor([0, 2, 2, 1, 5, 3])
CORNERS = torch.tensor([[0, 3], [9, 14]]).expand(2, 3, 2, 2)
EVERYWHERE = AT.expand(2, 3, 6, 6)

CALLS: list[tuple[str, str, str, Function]] = [
    # operation, rule that is to run, kind, a network that calls it
    ("pow", "polynomial_power", "closed form", lambda x: x**2),
    ("pow", "polynomial_power", "closed form", torch.square),
    ("pow", "polynomial_power", "closed form", lambda x: x.pow(torch.tensor(3.0))),
    ("pow", "polynomial_power", "closed form", positive(lambda x: x**-2.0)),
    ("pow", "root_power", "closed form", positive(lambda x: x**0.5)),
    ("pow", "root_power", "closed form", positive(lambda x: x**1.7)),
    ("pow", "exponential", "closed form", lambda x: 0.6**x),
    ("pow", "elementwise_by_quadrature", "quadrature", positive(lambda x: x**x.flip(-1))),
    ("pow", "elementwise_by_quadrature", "quadrature", positive(lambda x: x ** (HALF * 3))),
    ("pow", "elementwise_by_quadrature", "quadrature", lambda x: HALF**x),
    ("mul", "linear", "linear", lambda x: x * HALF),
    ("mul", "linear", "linear", lambda x: torch.mul(HALF, x)),
    ("mul", "product", "closed form", lambda x: x * x.flip(-1)),
    ("div", "linear", "linear", lambda x: x / HALF),
    ("div", "quotient", "closed form", lambda x: HALF / (x.abs() + 1)),
    ("div", "step", "selection", lambda x: torch.div(x, 0.25, rounding_mode="floor")),
    ("div", "elementwise_by_quadrature", "quadrature", positive(lambda x: torch.div(1, x, rounding_mode="trunc"))),
    ("mm", "linear", "linear", lambda x: torch.mm(x[0, 0], HALF[0, 0])),
    ("mm", "linear", "linear", lambda x: torch.mm(HALF[0, 0], x[0, 0])),
    ("mm", "matrix_product", "closed form", lambda x: torch.mm(x[0, 0], x[0, 1])),
    ("bmm", "linear", "linear", lambda x: torch.bmm(HALF[0], x[0])),
    ("bmm", "linear", "linear", lambda x: torch.bmm(x[0], HALF[0])),
    ("bmm", "matrix_product", "closed form", lambda x: torch.bmm(x[0], x[1])),
    ("matmul", "matrix_product", "closed form", lambda x: x @ x.mT),
    ("mv", "linear", "linear", lambda x: torch.mv(HALF[0, 0], x[0, 0, 0])),
    ("mv", "linear", "linear", lambda x: torch.mv(x[0, 0], HALF[0, 0, 0])),
    ("mv", "midpoint", "midpoint", lambda x: torch.mv(x[0, 0], x[0, 0, 0])),
    ("dot", "linear", "linear", lambda x: torch.dot(HALF[0, 0, 0], x[0, 0, 0])),
    ("dot", "linear", "linear", lambda x: torch.dot(x[0, 0, 0], HALF[0, 0, 0])),
    ("dot", "midpoint", "midpoint", lambda x: torch.dot(x[0, 0, 1], x[0, 0, 0])),
    ("vdot", "linear", "linear", lambda x: torch.vdot(HALF[0, 0, 0], x[0, 0, 0])),
    ("vdot", "linear", "linear", lambda x: torch.vdot(x[0, 0, 0], HALF[0, 0, 0])),
    ("vdot", "midpoint", "midpoint", lambda x: torch.vdot(x[0, 0, 1], x[0, 0, 0])),
    ("linalg_cross", "linear", "linear", lambda x: torch.linalg.cross(HALF, x, dim=1)),
    ("linalg_cross", "linear", "linear", lambda x: torch.linalg.cross(x, HALF, dim=1)),
    ("linalg_cross", "midpoint", "midpoint", lambda x: torch.linalg.cross(x.flip(-1), x, dim=1)),
    ("addmm", "linear", "linear", lambda x: torch.addmm(x[0, 0], x[0, 1], HALF[0, 0])),
    ("addmm", "linear", "linear", lambda x: torch.addmm(x[0, 0], HALF[0, 0], x[0, 1])),
    ("addmm", "midpoint", "midpoint", lambda x: torch.addmm(x[0, 0], x[0, 2], x[0, 1])),
    ("baddbmm", "linear", "linear", lambda x: torch.baddbmm(x[0], HALF[0], x[1])),
    ("baddbmm", "linear", "linear", lambda x: torch.baddbmm(x[0], x[1], HALF[0])),
    ("baddbmm", "midpoint", "midpoint", lambda x: torch.baddbmm(x[0], x[0], x[1])),
    ("addbmm", "linear", "linear", lambda x: torch.addbmm(x[0, 0], HALF[0], x[1])),
    ("addbmm", "linear", "linear", lambda x: torch.addbmm(x[0, 0], x[1], HALF[0])),
    ("addbmm", "midpoint", "midpoint", lambda x: torch.addbmm(x[0, 0], x[0], x[1])),
    ("addmv", "linear", "linear", lambda x: torch.addmv(x[0, 0, 0], HALF[0, 0], x[0, 0, 1])),
    ("addmv", "linear", "linear", lambda x: torch.addmv(x[0, 0, 0], x[0, 1], HALF[0, 0, 0])),
    ("addmv", "midpoint", "midpoint", lambda x: torch.addmv(x[0, 0, 0], x[0, 1], x[0, 0, 1])),
    ("addr", "linear", "linear", lambda x: torch.addr(x[0, 0], HALF[0, 0, 0], x[0, 0, 1])),
    ("addr", "linear", "linear", lambda x: torch.addr(x[0, 0], x[0, 0, 1], HALF[0, 0, 0])),
    ("addr", "midpoint", "midpoint", lambda x: torch.addr(x[0, 0], x[0, 0, 0], x[0, 0, 1])),
    ("addcmul", "linear", "linear", lambda x: torch.addcmul(x, HALF, x.flip(-1), value=0.5)),
    ("addcmul", "linear", "linear", lambda x: torch.addcmul(x, x.flip(-1), HALF)),
    ("addcmul", "midpoint", "midpoint", lambda x: torch.addcmul(x, x, x.flip(-1), value=0.5)),
    ("addcdiv", "linear", "linear", lambda x: torch.addcdiv(x, x.flip(-1), HALF)),
    ("addcdiv", "elementwise_by_quadrature", "quadrature", positive(lambda x: torch.addcdiv(x, HALF, x))),
    ("lerp", "linear", "linear", lambda x: torch.lerp(x, x.flip(-1), 0.3)),
    ("lerp", "midpoint", "midpoint", lambda x: torch.lerp(x, x.flip(-1), x.flip(-2))),
    ("_trilinear", "linear", "linear", lambda x: F.bilinear(x[0], HALF[0], torch.ones(2, 6, 6, dtype=x.dtype))),
    ("_trilinear", "linear", "linear", lambda x: F.bilinear(HALF[0], x[0], torch.ones(2, 6, 6, dtype=x.dtype))),
    ("_trilinear", "linear", "linear", lambda x: F.bilinear(HALF[0], HALF[1], x[0])),
    ("_trilinear", "midpoint", "midpoint", lambda x: F.bilinear(x[0], x[1], torch.ones(2, 6, 6, dtype=x.dtype))),
    ("convolution", "convolution", "linear", lambda x: F.conv2d(x, HALF[:, :, :2, :2])),
    ("convolution", "linear", "linear", lambda x: F.conv2d(x, HALF[:, :, :2, :2], x[0, 0, 0, :2])),
    ("convolution", "linear", "linear", lambda x: F.conv2d(HALF, x[:, :, :2, :2])),
    ("convolution", "midpoint", "midpoint", lambda x: F.conv2d(x, x[:, :, :2, :2])),
    ("linear", "linear", "linear", lambda x: F.linear(x, HALF[0, 0])),
    ("normalize", "normalize", "closed form", lambda x: F.normalize(x, dim=1)),
    ("linalg_vector_norm", "euclidean_norm", "closed form", lambda x: x.norm(dim=1)),
    ("linalg_vector_norm", "norm", "composed", lambda x: torch.linalg.vector_norm(x, 3, 1)),
    ("clamp", "clamp", "closed form", lambda x: x.clamp(-0.2, 0.3)),
    ("clamp", "clamp", "composed", lambda x: x.clamp(x.flip(-1), x.flip(-1) + 1)),
    ("clamp_min", "clamp_min", "closed form", lambda x: x.clamp_min(0.1)),
    ("clamp_min", "clamp_min", "composed", lambda x: torch.clamp_min(x, x.flip(-1))),
    ("clamp_max", "clamp_max", "closed form", lambda x: x.clamp_max(0.1)),
    ("clamp_max", "clamp_max", "composed", lambda x: torch.clamp_max(x, x.flip(-1))),
    ("index", "linear", "linear", lambda x: x[..., AT]),
    ("index", "read_or_write", "selection", lambda x: x[0, 0, 0][x[0, 0, 0].argsort()]),
    ("masked_select", "linear", "linear", lambda x: x.masked_select(MASK)),
    ("index_select", "linear", "linear", lambda x: x.index_select(-1, AT)),
    ("index_select", "read_or_write", "selection", lambda x: x.index_select(-1, x[0, 0, 0].argsort())),
    ("gather", "linear", "linear", lambda x: x.gather(-1, EVERYWHERE)),
    ("gather", "read_or_write", "selection", lambda x: x.gather(-1, x.argsort(-1))),
    ("take", "linear", "linear", lambda x: x.take(AT)),
    ("take", "read_or_write", "selection", lambda x: x.take(x[0, 0, 0].argsort())),
    ("index_put", "linear", "linear", lambda x: x.index_put((torch.tensor([0]),), x[1:] * 2)),
    ("index_put", "read_or_write", "selection", lambda x: x.T.index_put((x[0, 0, 0].argsort(),), x.T * 2)),
    ("index_add", "linear", "linear", lambda x: x.index_add(-1, AT, x)),
    ("index_add", "read_or_write", "selection", lambda x: x.index_add(-1, x[0, 0, 0].argsort(), x)),
    ("index_copy", "linear", "linear", lambda x: x.index_copy(0, torch.tensor([0]), x[1:])),
    ("index_copy", "read_or_write", "selection", lambda x: x.index_copy(-1, x[0, 0, 0].argsort(), x)),
    ("index_fill", "linear", "linear", lambda x: x.index_fill(-1, AT, 2.0)),
    ("index_fill", "read_or_write", "selection", lambda x: x.index_fill(-1, x[0, 0, 0].argsort()[:2], 2.0)),
    ("scatter", "linear", "linear", lambda x: x.scatter(-1, EVERYWHERE, HALF)),
    ("scatter", "read_or_write", "selection", lambda x: x.scatter(-1, x.argsort(-1)[..., :2], HALF)),
    ("scatter_add", "linear", "linear", lambda x: x.scatter_add(-1, EVERYWHERE, x)),
    ("scatter_add", "read_or_write", "selection", lambda x: x.scatter_add(-1, x.argsort(-1), x)),
    ("put", "linear", "linear", lambda x: x.put(AT[[0, 1, 3]], x[0, 0, 0, :3])),
    ("put", "read_or_write", "selection", lambda x: x.put(x[0, 0, 0].argsort(), x[0, 0, 0])),
    ("masked_scatter", "linear", "linear", lambda x: x.masked_scatter(MASK, x.flip(-1))),
    ("masked_scatter", "read_or_write", "selection", lambda x: x.masked_scatter(x > 0.3, x.flip(-1))),
    ("floor_divide", "step", "selection", lambda x: torch.floor_divide(x, 0.3)),
    ("floor_divide", "elementwise_by_quadrature", "quadrature", positive(lambda x: torch.floor_divide(HALF, x))),
    ("where", "linear", "linear", lambda x: torch.where(MASK, x, x.flip(-1))),
    ("where", "where", "closed form", lambda x: torch.where(x > 0, x, x.flip(-1))),
    ("masked_fill", "linear", "linear", lambda x: x.masked_fill(MASK, 2.0)),
    ("masked_fill", "masked_fill", "closed form", lambda x: x.masked_fill(x > 0.3, 2.0)),
    ("max_unpool2d", "linear", "linear", lambda x: F.max_unpool2d(x[..., :2, :2], CORNERS, 2)),
    ("max_unpool2d", "read_or_write", "selection", lambda x: F.max_unpool2d(*pooled(x), 2)),
    ("sgn", "step", "selection", torch.sgn),
    ("fmod", "step", "selection", lambda x: torch.fmod(x, 0.3)),
    ("fmod", "elementwise_by_quadrature", "quadrature", positive(lambda x: torch.fmod(HALF, x))),
    ("remainder", "step", "selection", lambda x: x % 0.3),
    ("remainder", "elementwise_by_quadrature", "quadrature", positive(lambda x: x.flip(-1) % x)),
    ("heaviside", "step", "selection", lambda x: torch.heaviside(x, HALF)),
    ("heaviside", "heaviside", "composed", lambda x: torch.heaviside(x, x.flip(-1))),
    ("grid_sampler_2d", "linear", "linear", lambda x: warp(x, HALF[:, :2])),
    ("grid_sampler_2d", "grid_sample", "closed form", lambda x: warp(x, x[:, :2])),
    ("elu", "elu", "closed form", F.selu),
    ("_softmax", "softmax", "closed form", lambda x: x.softmax(-1)),
    ("prod", "prod", "composed", lambda x: x.prod(-1)),
    ("glu", "glu", "composed", F.glu),
    ("_linalg_eigh", "line_integral", "line integral", lambda x: torch.linalg.eigvalsh(x @ x.mT)),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "rule", "kind", "f"), CALLS, ids=lambda v: v if isinstance(v, str) else "")
@pytest.mark.filterwarnings("ignore")
def test_which_treatment_runs(
    operation: str, rule: str, kind: str, f: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, x_ref = images(3)
    with noting(monkeypatch) as ran, paired_forward(Network(f), x, x_ref) as out:
        torch.autograd.grad(out.value.sum(), out.inputs)
    found = [t for name, t in ran if name == operation]
    assert [((t.apply or t.compose).__name__, t.kind) for t in found] == [(rule, kind)] * len(found) != []
    assert any(r.name == operation and r.kind == kind for r in out.operations)
    if kind != "line integral":
        assert_complete(f, x, x_ref, 1e-9)


def complex_call(name: str) -> Function:
    """An analytic function of complex numbers near 1."""
    operation = getattr(torch.ops.aten, name)
    options = (0.7,) if name == "pow" else ()
    return lambda x: operation(torch.complex(x, x.flip(1)) / 9 + 1, *options).real


def real_call(name: str) -> Function:
    """The same of real numbers from 1/4 to 3/4, or above 1."""
    operation = getattr(torch.ops.aten, name)
    options = (0.7,) if name == "pow" else ()
    return lambda x: operation(x.sigmoid() / 2 + (1.25 if name == "acosh" else 0.25), *options)


CHOICES: list[Function] = [
    *(real_call(row.name) for row in TABLE.values() if COMPLEX in row.treatments or row.name in ("sgn", "silu")),
    *(complex_call(row.name) for row in TABLE.values() if COMPLEX in row.treatments),
    lambda x: x.var(-1),
    lambda x: x.std(-1),
    lambda x: torch.sgn(torch.complex(x, x.flip(1))).real,
    lambda x: torch.complex(x, x.flip(1)).var(-1),
    lambda x: torch.complex(x, x.flip(1)).std(-1),
    lambda x: F.silu(torch.complex(x, x.flip(1))).real,
    lambda x: torch.cdist(x, x[..., :3, :], compute_mode="donot_use_mm_for_euclid_dist"),
    lambda x: torch.cdist(x, x[..., :3, :], p=1),
]
"""Calls that reach a row's further treatments; what they give is looked at in `stories/test_brought_operations`."""


UNTESTED = {
    "cudnn_grid_sampler", "convolution_overrideable", "_convolution", "_unsafe_index_put", "_unsafe_index",
    "max_unpool3d", "grid_sampler_3d", "torchvision::deform_conv2d", "norm",
}  # fmt: skip
"""Reached on other devices, in compiled graphs or in three dimensions only: they share their lines or rules."""


def test_every_treatment_of_a_row_with_a_choice_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    x, x_ref = images(3)
    with noting(monkeypatch) as ran:
        for f in [f for *_, f in CALLS] + CHOICES:
            with paired_forward(Network(f), x, x_ref):
                pass
    reached = {(name, t.kind, t.apply, t.compose, t.moving) for name, t in ran}
    missed = [
        (row.name, t.formula, t.holds())
        for row in TABLE.values()
        if row.name not in UNTESTED and len([t for t in row.treatments if t.kind != "special"]) > 1
        for t in row.treatments
        if t.kind != "special" and (row.name, t.kind, t.apply, t.compose, t.moving) not in reached
    ]
    assert missed == []


COSTS: list[tuple[str, int, Function]] = [
    # kernel, how often a map runs it, a network
    ("pow", 2, lambda x: x**2),
    ("pow", 2, lambda x: x**3),
    ("pow", 2, lambda x: 0.6**x),
    ("pow", 2, positive(lambda x: x**0.5)),
    ("exp", 2, torch.exp),
    ("sqrt", 2, positive(torch.sqrt)),
    ("tanh", 2, torch.tanh),
    ("elu", 2, F.elu),
    ("sin", 3, torch.sin),
    ("erf", 3, torch.erf),
    ("gelu", 2, F.gelu),
    ("softmax", 2, lambda x: x.softmax(-1)),
    ("convolution", 2, lambda x: F.conv2d(x, HALF[:, :, :2, :2])),
    ("mm", 3, lambda x: torch.mm(HALF[0, 0], x[0, 0])),
    ("native_layer_norm", 2, lambda x: F.layer_norm(x, (6,))),
    ("atan2", 7, lambda x: torch.atan2(x, x.flip(-1) + 3)),
]


@pytest.mark.parametrize(("kernel", "times", "f"), COSTS, ids=[f"{k} {n}" for k, n, _ in COSTS])
def test_how_often_an_operation_is_evaluated(kernel: str, times: int, f: Function) -> None:
    """Once for each stream, and no more for a rule in closed form; a quadrature has five nodes besides."""
    x, x_ref = images(3)
    with Kernels() as kernels, paired_forward(Network(f), x, x_ref) as out:
        torch.autograd.grad(out.value, out.inputs, torch.ones_like(out.value))
    assert kernels.count[kernel] == times


def test_composite_operations_are_taken_apart_in_inference_mode_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """There PyTorch hands them over whole: `flatten` was unknown then, and the maximum of two misread."""

    def f(x: Tensor) -> Tensor:
        with torch.inference_mode():
            y = x.reshape(2, -1).narrow(1, 0, 12).flatten()
            return torch.max(y, y.flip(0)).view(2, 12).softmax(1) * F.interpolate(x, scale_factor=2).flatten()[:1]

    x, x_ref = images(3)
    with noting(monkeypatch) as ran:
        assert_complete(f, x, x_ref, 1e-10)
    kinds = {name: t.kind for name, t in ran}
    assert "line integral" not in kinds.values()
    assert kinds["maximum"] == kinds["_softmax"] == "closed form"


@pytest.mark.parametrize(
    "f", [torch.exp, torch.sqrt, torch.sin, torch.reciprocal, torch.square], ids=lambda f: f.__name__
)
def test_smooth_functions_of_complex_numbers_are_integrated(f: Function) -> None:
    """The chord's formulas are for real numbers."""
    x, x_ref = images(3)
    assert_complete(lambda t: f(torch.complex(t.abs() + 1, t)).abs(), x, x_ref, 1e-9)


@pytest.mark.parametrize("power", [0.5, 0.3, 1.5])
def test_a_root_of_zero_in_both_streams(power: float) -> None:
    """Its gradient is infinite; there is no difference to explain, and nothing of it may show."""
    x, x_ref = (t.abs() for t in images(3))
    x[..., 0] = x_ref[..., 0] = 0
    roots: list[Function] = [torch.sqrt, lambda t: t**power, lambda t: t.square().sqrt(), lambda t: t.square() ** power]
    for f in roots:
        assert_complete(f, x, x_ref, 1e-10)


ELEMENTWISE_RULES = {"by_chord", "step", "elementwise_by_quadrature"}
ELEMENTWISE = [
    row.name for row in TABLE.values() if ELEMENTWISE_RULES & {getattr(t.apply, "__name__", "") for t in row.treatments}
]
ABOVE_1 = {"acosh", "special_zeta"}
"""Functions whose domain is above 1; the others are asked between 0 and 1."""


def elementwise_call(operation: Any, moving: tuple[int, ...], least: float) -> Function:
    """A network that is one elementwise operation, with the input in some of its arguments' places."""
    arguments = [a for a in operation._schema.arguments if not a.kwarg_only]
    overload = operation._overloadname
    options = (
        {"rounding_mode": "floor"} if overload.endswith("mode") else {"decimals": 1} if overload == "decimals" else {}
    )

    def f(x: Tensor) -> Tensor:
        x = torch.sigmoid(x).clamp(0.05, 0.95) + least
        given: list[Any] = []
        for n, argument in enumerate(arguments):
            if argument.name == "reduction":
                given.append(0)
            elif argument.has_default_value():
                given.append(argument.default_value)
            elif str(argument.type) == "Tensor":
                given.append(x.roll(n, -1) if n in moving else HALF + least)
            else:
                given.append(1 if str(argument.type) == "int" else 0.5 + least)
        return operation(*given, **options)

    return f


def elementwise_calls(name: str) -> Iterator[Function]:
    """Each overload on numbers in its domain, with the input in each of its tensors' places, and in all."""
    for operation in overloads(name):
        arguments = operation._schema.arguments
        tensors = [n for n, a in enumerate(arguments) if str(a.type) == "Tensor" and not a.kwarg_only]
        numbers = not any(str(a.type) == "complex" for a in arguments)
        tensors = tensors[:1] if name == "soft_margin_loss" else tensors  # the other is a class, -1 or 1
        if numbers and tensors and not any(a.alias_info for a in arguments):
            for moving in sorted({(n,) for n in tensors} | {tuple(tensors)}):
                yield elementwise_call(operation, moving, float(name in ABOVE_1))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_elementwise_rule_holds_for_each_argument(name: str) -> None:
    x, x_ref = images(3)
    if name == "special_bessel_j1" and not torch.special.bessel_j1(x.clone().requires_grad_()).requires_grad:
        pytest.skip("PyTorch 2.4 has no gradient of it, and a network that calls it is cut there")
    calls = list(elementwise_calls(name))
    assert calls
    for f in calls:
        assert_complete(f, x, x_ref, 1e-9)
