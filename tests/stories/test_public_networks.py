"""Completeness on public networks, whole, unmodified and with every branch live."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from l2xbench.attribution import explain
from l2xbench.attribution.engine.paired import paired_forward
from tests.attribution.networks import OUTPUTS, all_networks, enliven, streams

NETWORKS = all_networks()


def single_outputs(shape: torch.Size, count: int = 5) -> list[tuple[int, ...]]:
    generator = torch.Generator().manual_seed(3)
    return [tuple(int(torch.randint(size, (), generator=generator)) for size in shape[1:]) for _ in range(count)]


def error(values: Tensor, delta: Tensor) -> float:
    values, delta = values.double(), delta.double()
    return float((values.sum() - delta.sum()).abs() / max(delta.sum().abs(), 1e-3 * values.abs().sum()))


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.filterwarnings("ignore")
def test_attributions_sum_to_the_difference(name: str) -> None:
    torch.manual_seed(0)
    model = enliven(NETWORKS[name]())
    output = OUTPUTS.get(name)
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        model = model.to(dtype)
        x, x_ref = streams(name, dtype)
        with torch.no_grad(), warnings.catch_warnings():
            y, y_ref = model(x.clone()), model(x_ref.clone())  # some write to their input
            y, y_ref = (y, y_ref) if output is None else (y[output], y_ref[output])
        with paired_forward(model, x, x_ref, output=output) as out:
            scale = float(y.abs().max())
            # 1e-6 in both precisions: a few networks cast to float32 inside, where we stay in float64
            torch.testing.assert_close(out.value.detach(), y, rtol=0, atol=3e-6 * scale)
            torch.testing.assert_close(out.reference, y_ref, rtol=0, atol=3e-6 * scale)
            change = out.value.detach() - out.reference
            (m,) = torch.autograd.grad(out.value, out.inputs, change.sign())
            assert error(m * (x - x_ref), change.abs()) <= tolerance
        # as users ask: in float64 whatever the network has; the map as it is returned
        for found in explain(model, x, reference=x_ref, target=single_outputs(y.shape), output=output):
            assert found.completeness_error.max() <= 1e-10
            assert error(found.values, found.delta) <= tolerance
