"""Completeness on public networks, whole, unmodified and with every branch live."""

from __future__ import annotations

import warnings

import pytest
import torch

from l2xbench.attribution.paired import paired_forward
from tests.attribution.networks import OUTPUTS, all_networks, enliven, streams

NETWORKS = all_networks()


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
            change = (out.value.detach() - out.reference).double()
            objectives = [change.sign()]
            for i in torch.randint(change.numel(), (2,), generator=torch.Generator().manual_seed(3)).tolist():
                one = torch.zeros(change.shape, dtype=change.dtype)
                one.view(-1)[i] = 1
                objectives.append(one)
            for weights in objectives:
                (m,) = torch.autograd.grad(out.value, out.inputs, weights.to(dtype), retain_graph=True)
                values = (m * (x - x_ref)).double()
                delta = float((weights * change).sum())
                # one output's own rounding, in the network's forward pass, is not the engine's to mend
                rounding = 0.0 if weights is objectives[0] else 64 * torch.finfo(dtype).eps * scale
                bound = tolerance * max(abs(delta), 1e-3 * float(values.abs().sum())) + rounding
                assert abs(float(values.sum()) - delta) <= bound
