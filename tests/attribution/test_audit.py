"""The audit that `l2xbench check` prints."""

from __future__ import annotations

import torch
from torch import nn

from l2xbench.attribution.audit import audit
from tests.attribution.properties import Network, images


def test_an_exact_network() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.PReLU(), nn.Conv2d(8, 3, 3), nn.Softmax(1))
    found = audit(model, *images(0))
    assert found.image64 < 1e-10
    assert found.neurons64 < 1e-10
    assert found.image32 < 1e-5
    kinds = {operation.name: (operation.kind, operation.count) for operation in found.operations}
    assert kinds == {"convolution": ("linear", 2), "_prelu_kernel": ("closed form", 1), "_softmax": ("closed form", 1)}
    assert {operation.where for operation in found.operations} == {"0", "1", "3"}
    assert next(model.parameters()).dtype == torch.float32


def test_what_is_not_exact_comes_first_with_its_share() -> None:
    model = Network(lambda x: torch.linalg.eigvalsh(x @ x.mT).relu())
    found = audit(model, *images(0))
    first = found.operations[0]
    assert first.kind == "line integral"
    assert first.share > 0
    assert abs(first.share - found.image64) < 0.2 * found.image64 + 1e-9
