"""What every rule owes, and small networks made of one function: completeness, both streams as the network has them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.paired import paired_forward

Function = Callable[[Tensor], Tensor]


class Network(nn.Module):
    def __init__(self, f: Function) -> None:
        super().__init__()
        self.f = f

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x)


def multiplier(f: Function, x: Tensor, x_ref: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """m of <weights, f>, and the difference of f."""
    with paired_forward(Network(f), x, x_ref) as out:
        change = out.value.detach() - out.reference
        weights = torch.ones_like(change) if weights is None else weights.to(change)
        (m,) = torch.autograd.grad(out.value, out.inputs, weights)
    return m, change


def images(seed: int, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, x_ref = (torch.randn(2, 3, 6, 6, generator=generator, dtype=torch.float64) * scale for _ in range(2))
    return x.to(dtype), x_ref.to(dtype)


def assert_followed(f: Function, x: Tensor, x_ref: Tensor) -> None:
    """Each stream is the network's own answer."""
    with torch.no_grad():
        plain = f(x.clone()), f(x_ref.clone())
    with paired_forward(Network(f), x, x_ref) as out:
        torch.testing.assert_close((out.value.detach(), out.reference), plain)


def assert_complete(f: Function, x: Tensor, x_ref: Tensor, tolerance: float) -> None:
    with paired_forward(Network(f), x, x_ref) as out:
        change = (out.value.detach() - out.reference).double()
        weights = torch.randn(change.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        (m,) = torch.autograd.grad(out.value, out.inputs, weights.to(x.dtype))
        size = float((weights * torch.maximum(out.value.detach().abs(), out.reference.abs())).abs().sum())
    values = (m * (x - x_ref)).double()
    assert torch.isfinite(values).all()
    scale = max(float((weights * change).abs().sum()), float(values.abs().sum()), size)
    assert abs(float(values.sum() - (weights * change).sum())) <= tolerance * scale
