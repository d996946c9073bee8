"""The paper's own rules, layer by layer (Eqs. 5 and 6), on a network small enough to write them out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.paired import paired_forward


def layers_of(model: nn.Sequential, x: Tensor) -> list[Tensor]:
    found = [x]
    for layer in model:
        found.append(layer(found[-1]))
    return found


def explain_by_the_paper(model: nn.Sequential, x: Tensor, x_ref: Tensor, target: int) -> np.ndarray:
    """R at the input: Eq. 5 at the output, Eq. 6 through each layer's weighted activations z_ij = b + x_i w_ij."""
    with torch.no_grad():
        z, z_ref = (([t.numpy() for t in layers_of(model, s)]) for s in (x, x_ref))
    r = np.zeros_like(z[-1])
    r[target] = z[-1][target] - z_ref[-1][target]  # Eq. 5
    for depth in range(len(model) - 1, -1, -1):
        layer = model[depth]
        if isinstance(layer, nn.Linear):
            w = layer.weight.detach().numpy().T  # (i, j)
            b = layer.bias.detach().numpy()
            weighted, weighted_ref = b + z[depth][:, None] * w, b + z_ref[depth][:, None] * w
            total = weighted.sum(0) - weighted_ref.sum(0)
            r = ((weighted - weighted_ref) / total * r).sum(1)  # Eq. 6
        # a ReLU has one input and one output for each neuron: Eq. 6's ratio is 1, and r passes
    return r


def test_equations_5_and_6() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 4)).double()
    x, x_ref = torch.randn(2, 7, dtype=torch.float64).unbind(0)
    for target in range(4):
        with paired_forward(model, x[None], x_ref[None]) as out:
            (m,) = torch.autograd.grad(out.value[0, target], out.inputs)
        ours = (m[0] * (x - x_ref)).numpy()
        by_the_paper = explain_by_the_paper(model, x, x_ref, target)
        np.testing.assert_allclose(ours, by_the_paper, rtol=0, atol=1e-12)


def test_equations_3_and_4_through_a_convolution() -> None:
    """A convolution is the same sum over its window; its multipliers are the weights."""
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 2, 3, padding=1).double()
    x, x_ref = torch.randn(2, 1, 3, 5, 5, dtype=torch.float64).unbind(0)
    with paired_forward(nn.Sequential(conv, nn.ReLU()), x, x_ref) as out:
        (m,) = torch.autograd.grad(out.value[0, 1, 2, 2], out.inputs)
    with torch.no_grad():
        pre, pre_ref = conv(x)[0, 1, 2, 2], conv(x_ref)[0, 1, 2, 2]
        chord = (pre.relu() - pre_ref.relu()) / (pre - pre_ref)
    expected = torch.zeros_like(x)
    expected[0, :, 1:4, 1:4] = conv.weight.detach()[1] * chord
    torch.testing.assert_close(m, expected, rtol=0, atol=1e-12)
