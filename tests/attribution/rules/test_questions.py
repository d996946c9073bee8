"""Rules that put no question to the host give what they give when they ask, and a map asks twice at most."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench import explain
from l2xbench.attribution.engine.paired import paired_forward
from l2xbench.attribution.errors import NotFiniteError
from l2xbench.attribution.rules.questions import as_on_a_device
from l2xbench.zoo.archs.carn import CARN
from tests.attribution.asked import asked
from tests.attribution.networks import basicsr_networks, enliven, spandrel_networks, streams
from tests.attribution.properties import Function, Network, images, multiplier
from tests.attribution.rules.test_extremum import POOLS
from tests.attribution.rules.test_rules import JOINT, PIECEWISE, POSITIVE, SMOOTH

NETWORKS = ["EDSR", "RCAN", "CARN", "SwinIR", "DAT"]


def masked(x: Tensor, condition: Tensor) -> Tensor:
    return x.masked_fill(condition, float("-inf"))


CHOSEN: dict[str, Function] = {
    "a truth as a number": lambda x: (x > 0.1) * x,
    "a truth that is the same in both": lambda x: (x > -99) * x + torch.where(x < -99, x, 2 * x),
    "constants chosen": lambda x: torch.where(x > 0.1, torch.tensor(2.0), torch.tensor(-1.0)) * x,
    "beside a number of the image's": lambda x: torch.where(x > x.mean(), torch.tensor(1.0, dtype=x.dtype), x),
    "an integer": lambda x: x.round().long() * x,
    "places read": lambda x: x.flatten(1).gather(1, x.flatten(1).argsort(1)),
    "the same places read": lambda x: x[:, (x.amax((0, 2, 3)) > -99).long()],
    "the greatest few": lambda x: x.flatten(1).topk(5)[0],
    "softmax under a mask of both": lambda x: torch.softmax(masked(x, torch.eye(6, dtype=torch.bool)), -1),
    "softmax under a mask of either": lambda x: torch.softmax(masked(x, x < x.mean(-1, True)), -1),
    "an elementwise function by quadrature": lambda x: torch.atan2(x, x.flip(-1)),
}
FUNCTIONS = JOINT | SMOOTH | PIECEWISE | POOLS | CHOSEN


@pytest.mark.parametrize("name", FUNCTIONS)
def test_unasked_the_same(name: str) -> None:
    """Also where the streams agree at some places, which has no slope."""
    x, x_ref = images(3)
    x_ref[0, :, :3] = x[0, :, :3]
    x[1, 0], x_ref[1, 0] = 0, 0
    weights = torch.randn(FUNCTIONS[name](x).shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected, change = multiplier(FUNCTIONS[name], x, x_ref, weights)
    with as_on_a_device(), asked() as questions:
        found, change_found = multiplier(FUNCTIONS[name], x, x_ref, weights)
    assert len(questions) == 1
    torch.testing.assert_close(change_found, change, rtol=0, atol=0)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10 * float(expected.abs().max()))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_on_a_cpu_the_same_to_the_last_bit(name: str) -> None:
    """A pass that is recorded there, and asks nothing, must not change a table."""
    x, x_ref = images(3)
    x_ref[0, :, :3] = x[0, :, :3]
    found = []
    for unasked in (False, True):
        with paired_forward(Network(FUNCTIONS[name]), x, x_ref, unasked=unasked) as out:
            weights = torch.randn(out.value.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
            found += [torch.autograd.grad(out.value, out.inputs, weights)[0], out.value.detach()]
    assert out.doubt is not None and not out.doubt
    torch.testing.assert_close(found[2:], found[:2], rtol=0, atol=0)


@pytest.mark.parametrize("name", POSITIVE)
def test_unasked_the_same_on_positive_numbers(name: str) -> None:
    x, x_ref = (t.abs() + 0.01 for t in images(3))
    x_ref[0] = x[0]
    x[1, 0] *= 1e-100
    expected, _ = multiplier(POSITIVE[name], x, x_ref)
    with as_on_a_device():
        found, _ = multiplier(POSITIVE[name], x, x_ref)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


def test_a_case_too_rare_to_be_computed_each_time() -> None:
    """-inf in one stream alone, by no mask: the pass is made again, and draws the same random numbers."""
    x, x_ref = images(0)
    x[0, 0, 0, 0], x_ref[0, 0, 0, 1] = -1e300, -1e300
    f: Function = lambda t: torch.softmax(t * 1e10 + torch.rand(6, dtype=t.dtype), -1)  # noqa: E731
    f_of_inf: Function = lambda t: f(t * 1e300)  # noqa: E731
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.manual_seed(5)
    expected, change = multiplier(f_of_inf, x / 1e300, x_ref / 1e300, weights)
    torch.manual_seed(5)
    with as_on_a_device():
        found, change_found = multiplier(f_of_inf, x / 1e300, x_ref / 1e300, weights)
    torch.testing.assert_close((found, change_found), (expected, change), rtol=0, atol=0)


def test_a_case_that_arose_is_told_where_nothing_is_asked() -> None:
    x, x_ref = images(0)
    for f, doubtful in ((torch.relu, False), (lambda t: t / 0, True)):
        with asked() as questions, paired_forward(Network(f), x, x_ref, unasked=True) as out:
            pass
        assert not questions
        assert out.doubt is not None and bool(out.doubt) == doubtful


def test_nan_is_named_as_ever() -> None:
    x, x_ref = images(0)
    model = nn.Sequential(nn.ReLU(), Network(lambda t: (t - t.amax() - 1).log()), nn.ReLU())
    with as_on_a_device():
        with pytest.raises(NotFiniteError, match="first in 1, from log"), paired_forward(model, x, x_ref):
            pass
        with pytest.raises(NotFiniteError, match="the input itself"), paired_forward(model, x / 0, x_ref):
            pass
        with pytest.raises(NotFiniteError, match="the reference itself"), paired_forward(model, x, x_ref / 0):
            pass
        with pytest.raises(NotFiniteError, match="the input itself"):
            explain(nn.Conv2d(3, 3, 1), x.float() / 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_map_asks_twice_at_most(name: str) -> None:
    """Once for the pass, once for the map."""
    build = {**basicsr_networks(), "DAT": spandrel_networks()["DAT"], "CARN": lambda: CARN(scale=2)}
    network = enliven(build[name]())
    x, x_ref = streams(name, torch.float32)
    expected = explain(network, x, reference=x_ref)
    with as_on_a_device(), asked() as questions:
        found = explain(network, x, reference=x_ref)
    assert len(questions) <= 2
    torch.testing.assert_close(found.values, expected.values, rtol=0, atol=1e-6 * float(expected.values.abs().max()))


def test_the_residual_of_a_selection_is_told_when_it_is_asked_for() -> None:
    x, x_ref = images(0)
    with as_on_a_device(), paired_forward(Network(lambda t: t.sort(-1)[0]), x, x_ref) as out, asked() as questions:
        torch.autograd.grad(out.value.sum(), out.inputs)
    assert not questions
    (record,) = [r for r in out.operations if r.kind == "selection"]
    assert isinstance(record.left, Tensor) and record.residual == 0


def test_counting_sees_every_kind_of_question() -> None:
    x = torch.rand(3)
    with asked() as questions:
        _ = bool(x.sum()), x[x > 0.5], x.nonzero(), torch.equal(x, x), x.tolist(), float(x[0]), F.relu(x)
    assert questions == ["_local_scalar_dense", "index", "nonzero", "equal", "tolist", "_local_scalar_dense"]
